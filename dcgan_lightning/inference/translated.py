"""Translates images and writes the output of ``translate``: grid, single files, archive and film."""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_lightning.core.errors import CheckpointError, ConfigError, DataError
from dcgan_lightning.core.heartbeat import with_progress
from dcgan_lightning.data.image_files import SUFFIXES, ImageForm, read_image
from dcgan_lightning.inference.trained import run_folder
from dcgan_lightning.inference.translators import TrainedTranslators, load_translators
from dcgan_lightning.networks.translator import make_inputs, translate_images
from dcgan_lightning.pictures import add_captions, encode_each_png, encode_gif, encode_png, make_grid

if TYPE_CHECKING:
    from dcgan_lightning.data import InMemoryDataModule

SHOWN = 100  # images of the grid; the rest would be too small to see
FILM_IMAGES = 16


class Wanted(NamedTuple):
    """A range of images: ``n`` images (None: all) from number ``first``, which counts from 0."""

    first: int
    n: int | None

    def choose(self, available: int, where: str) -> range:
        """Return the numbers of the images.

        Args:
            available: Number of available images.
            where: Their origin, for the message.

        Raises:
            ConfigError: The range goes beyond the available images.
        """
        count = available - self.first if self.n is None else self.n
        if count < 1 or self.first + count > available:
            raise ConfigError(
                f"first={self.first} and n={self.n} go beyond {where}, which has {available:,} images"
            )
        return range(self.first, self.first + count)


@dataclass(frozen=True, eq=False)
class Source:
    """Images to be translated.

    Attributes:
        images: uint8 (N, C, H, W).
        numbers: Number of each image, from 0.
        names: File names, for images from files.
    """

    images: Tensor
    numbers: range
    names: Sequence[str] = ()


@dataclass(frozen=True, eq=False)
class Translated:
    """Images and their translations.

    Attributes:
        source: The images.
        inputs: Inputs of the network, uint8 (N, C, H, W).
        outputs: Outputs of the network, uint8 (N, C, H, W).
        beside: Further images to show, likewise, by name: the target, or the translation back.
    """

    source: Source
    inputs: Tensor
    outputs: Tensor
    beside: Mapping[str, Tensor]

    @property
    def panels(self) -> tuple[str, ...]:
        """What `groups` shows of each image, from left to right."""
        return ("input", "output", *self.beside)

    def groups(self, count: int) -> Tensor:
        """Return all panels of the first images, side by side: (count * panels, C, H, W)."""
        panels = [self.inputs, self.outputs, *self.beside.values()]
        return torch.stack([panel[:count] for panel in panels], 1).flatten(0, 1)


def of_data(datamodule: "InMemoryDataModule", split: str, label: int | None, wanted: Wanted) -> Source:
    """Return images of a data set.

    Args:
        datamodule: The data module, after ``prepare_data``.
        split: "train" or "test".
        label: Only images of this label; None: all.
        wanted: The range of images.

    Raises:
        ConfigError: The range goes beyond the available images.
        DataError: The data set has no such images.
    """
    images = datamodule.load_images(split)  # type: ignore[arg-type]
    if label is not None:
        labels = datamodule.load_labels(split)  # type: ignore[arg-type]
        if labels is None:
            raise DataError(f"{datamodule.source} has no labels, which this direction needs")
        images = images[labels == label]
    numbers = wanted.choose(len(images), f"input={split}")
    return Source(images[numbers.start : numbers.stop], numbers)


def of_files(path: Path, form: ImageForm, wanted: Wanted) -> Source:
    """Return image files in one form; those of a folder in the order of their names.

    Raises:
        ConfigError: There are not so many.
        DataError: There are none, or one cannot be read.
    """
    if not path.is_dir():
        return Source(read_image(path, form).unsqueeze(0), Wanted(0, 1).choose(1, str(path)), [path.name])
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in SUFFIXES)
    if not files:
        raise DataError(
            f"input={path} holds no images ({', '.join(sorted(SUFFIXES))}); choose another folder"
        )
    numbers = wanted.choose(len(files), f"input={path}")
    chosen = [files[number] for number in numbers]
    read = [
        read_image(file, form)
        for (file,) in with_progress([(file,) for file in chosen], len(chosen), "reading")
    ]
    return Source(torch.stack(read), numbers, [file.name for file in chosen])


def make(
    trained: TrainedTranslators, direction: str, source: Source, prepare: bool, noise_seed: int | None
) -> Translated:
    """Translate images.

    Args:
        trained: The networks, on the device for the computation.
        direction: Name of the direction.
        source: The images.
        prepare: Derive the network's inputs from the images first (see `ImageTranslator.inputs_of`).
        noise_seed: See `translate_images`.
    """
    network = trained.networks[direction]
    inputs = make_inputs(network, source.images) if prepare else source.images
    outputs = translate_images(network, inputs, noise_seed)
    is_other = inputs.shape == source.images.shape and not torch.equal(inputs, source.images)
    beside = {"target": source.images} if is_other else {}  # not beside inputs that are enlarged images
    if others := [name for name in trained.networks if name != direction]:
        beside["back"] = translate_images(trained.networks[others[0]], outputs)
    return Translated(source, inputs, outputs, beside)


def film_frames(
    trained: TrainedTranslators, direction: str, inputs: Tensor, values: Mapping[str, Any]
) -> list[NDArray[np.uint8]]:
    """Return the translations of the same inputs by each kept checkpoint of the run, in order, as pictures.

    Raises:
        CheckpointError: The checkpoint is outside of a run's folder, or the run has no others.
    """
    run = run_folder(trained.path)
    paths = sorted((run / "checkpoints").glob("epoch_*.ckpt")) if run else []
    if not paths:
        raise CheckpointError(
            f"film=true needs the run's checkpoints epoch_*.ckpt, and beside {trained.path} there are none"
        )
    frames, captions = [], []
    for path in paths:
        one = load_translators(path, None if values["averaged"] == "auto" else values["averaged"])
        outputs = translate_images(one.networks[direction].to(values["device"]), inputs[:FILM_IMAGES])
        pairs = torch.stack([inputs[:FILM_IMAGES], outputs], 1).flatten(0, 1)
        frames.append(make_grid(pairs, 2 * values["columns"], values["scale"], group=2))
        captions.append(f"epoch {one.epochs}")
    return add_captions(frames, captions)


def write(
    folder: Path, result: Translated, frames: Sequence[NDArray[np.uint8]], values: Mapping[str, Any]
) -> None:
    """Write ``grid.png`` and the other files that are configured.

    Args:
        folder: Output folder.
        result: Images and their translations.
        frames: Frames of the film; empty: no film.
        values: Values of the configuration.
    """
    count = len(result.outputs)
    shown = min(count, SHOWN)
    panels = len(result.panels)
    columns = panels * min(values["columns"], shown)
    grid = make_grid(result.groups(shown), columns, values["scale"], group=panels)
    captioned = add_captions([grid], [" | ".join(result.panels)])
    (folder / "grid.png").write_bytes(encode_png(captioned[0]))
    if values["png"]:
        for number, data in zip(result.source.numbers, encode_each_png(result.outputs), strict=True):
            (folder / f"output_{number:06d}.png").write_bytes(data)
    if result.source.names:
        with (folder / "files.csv").open("w", newline="", encoding="utf-8") as stream:
            rows = zip(result.source.numbers, result.source.names, strict=True)
            csv.writer(stream, lineterminator="\n").writerows([("number", "file"), *rows])
    if values["npz"]:
        np.savez(folder / "images.npz", inputs=result.inputs.numpy(), outputs=result.outputs.numpy())
    if frames:
        (folder / "training.gif").write_bytes(encode_gif(frames, values["frame_ms"]))
