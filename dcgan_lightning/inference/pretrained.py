"""Loads trained generators from a run's folder, a checkpoint or an export."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from dcgan_lightning.core.errors import CheckpointError
from dcgan_lightning.inference.trained import (
    Training,
    building,
    exported_direction,
    read_export,
    read_trained,
)
from dcgan_lightning.networks import NoiseGenerator, build_networks
from dcgan_lightning.networks.portable import WEIGHTS_FILE

log = logging.getLogger(__name__)

SHIPPED = Path(__file__).with_name("fashion_mnist_sngan")  # a generator that comes with the package


@dataclass(frozen=True)
class TrainedGenerator(Training):
    """A trained generator of images from noise.

    Attributes:
        generator: The generator, in inference mode, without gradients, on the CPU.
        discriminator: The discriminator that it was trained with, likewise; None if it was not saved.
    """

    generator: NoiseGenerator
    discriminator: nn.Module | None


def load_trained(path: Path | str, averaged: bool | None = None) -> TrainedGenerator:
    """Load a trained generator.

    Args:
        path: A checkpoint file, a run's folder (see `find_trained`), the folder of an export, or "pretrained"
            for the generator that comes with the package.
        averaged: True: the averaged weights, False: the trained weights, None: the averaged weights if the
            run has them.

    Raises:
        CheckpointError: The checkpoint is missing or damaged, or lacks the requested averaged weights.
    """
    folder = SHIPPED if str(path) == "pretrained" else Path(path)
    if (folder / WEIGHTS_FILE).is_file():
        return _load_exported(folder, averaged)
    found = read_trained(path, averaged)
    training = found.training
    with building(training, "a generator"):
        generator, discriminator = build_networks(training.target, training.settings)
        found.fill({"generator": generator, "discriminator": discriminator})
    return TrainedGenerator(
        **training.describe(), path=training.path, generator=generator, discriminator=discriminator
    )


def _load_exported(folder: Path, averaged: bool | None) -> TrainedGenerator:
    """Return an exported generator.

    Raises:
        CheckpointError: The export is damaged, its network translates images, or it holds the other kind of
            weights than requested.
    """
    if exported_direction(folder):
        raise CheckpointError(f"{folder} translates images; use python -m dcgan_lightning.translate")
    generator = NoiseGenerator.from_pretrained(folder).requires_grad_(False)
    about = read_export(folder, averaged).describe()
    about["settings"] = about["settings"] | {"image_channels": generator.image_channels}
    return TrainedGenerator(path=folder, **about, generator=generator, discriminator=None)


def warn_of_other_images(
    trained: TrainedGenerator, data: Mapping[str, Any], found: Mapping[str, Any] | None = None
) -> None:
    """Log a warning if a generator is compared with images that it was not trained on.

    Args:
        trained: The generator.
        data: The configuration's group ``data``; its ``root`` is not checked.
        found: Facts about the images themselves (see `InMemoryDataModule.fingerprint`).
    """
    known = trained.fingerprint
    keys = ["data.verify", "data.count"]
    if found:
        data = {**data, **{key[5:]: value for key, value in found.items()}}
        keys.append("data.content")
    if "data.count" in known and "data.verify" not in known:
        keys.append("data.seed")  # determines the synthetic images
    differences = [
        f"{key}={known.get(key)} (now {data.get(key[5:])})"
        for key in keys
        if known.get(key) != data.get(key[5:])
    ]
    if differences:
        log.warning(
            "%s was trained on other images than it is compared with: %s; choose the same ones with data=...",
            trained.path,
            ", ".join(differences),
        )


def load_generator(path: Path | str, averaged: bool | None = None) -> NoiseGenerator:
    """Return only the generator of `load_trained`."""
    return load_trained(path, averaged).generator
