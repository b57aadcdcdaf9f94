"""Loads trained networks that translate images, by direction."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from dcgan_lightning.core.errors import CheckpointError, ConfigError
from dcgan_lightning.data.image_files import Fit, ImageForm
from dcgan_lightning.inference.trained import (
    Training,
    building,
    exported_direction,
    read_export,
    read_trained,
)
from dcgan_lightning.networks import ImageTranslator, build_translators, directions_of
from dcgan_lightning.networks.portable import WEIGHTS_FILE


@dataclass(frozen=True)
class TrainedTranslators(Training):
    """The trained networks of a system that translates images.

    Attributes:
        networks: The networks by direction, the default one first; in inference mode, without gradients, on
            the CPU.
        sources: Label of the images that each network takes; None: all images.
    """

    networks: dict[str, ImageTranslator]
    sources: dict[str, int | None]

    def choose(self, direction: str | None) -> str:
        """Return the given direction, or the default one for None.

        Raises:
            ConfigError: There is no such direction.
        """
        if direction is None:
            return next(iter(self.networks))
        if direction not in self.networks:
            raise ConfigError(f"direction must be one of {', '.join(self.networks)}; got {direction!r}")
        return direction


def translates(path: Path | str) -> bool:
    """Return whether a checkpoint, a run's folder or an export holds networks that translate images.

    Raises:
        CheckpointError: The checkpoint is missing or damaged.
    """
    if str(path) == "pretrained":
        return False
    if exported := exported_folders(path):
        return exported_direction(exported[0]) is not None
    return bool(directions_of(read_trained(path).training.target))


def exported_folders(path: Path | str) -> list[Path]:
    """Return the folder of each network of an export: the path itself, or one for each direction in it.

    Returns:
        Nothing if the path is not that of an export.
    """
    path = Path(path)
    if (path / WEIGHTS_FILE).is_file():
        return [path]
    parts = sorted(file.parent for file in path.glob(f"*/{WEIGHTS_FILE}"))
    return [part for part in parts if exported_direction(part) == part.name]


def load_translators(path: Path | str, averaged: bool | None = None) -> TrainedTranslators:
    """Load the networks of a system that translates images.

    Args:
        path: A checkpoint file, a run's folder (see `find_trained`), or the folder of an export.
        averaged: See `read_trained`.

    Raises:
        CheckpointError: The checkpoint is missing, damaged or of a system that does not translate images, or
            lacks the requested averaged weights.
    """
    if exported := exported_folders(path):
        return _load_exported(exported, averaged)
    found = read_trained(path, averaged)
    training = found.training
    with building(training, "networks that translate images"):
        networks = build_translators(training.target, training.settings)
        found.fill(networks)
    directions = directions_of(training.target)
    return TrainedTranslators(
        **training.describe(),
        path=training.path,
        networks={
            name: cast(ImageTranslator, networks[direction.network]) for name, direction in directions.items()
        },
        sources={name: direction.source for name, direction in directions.items()},
    )


def _load_exported(folders: Sequence[Path], averaged: bool | None) -> TrainedTranslators:
    """Return the networks of an export.

    Raises:
        CheckpointError: A network is damaged or makes images from noise, or the export holds the other kind
            of weights than requested.
    """
    networks: dict[str, ImageTranslator] = {}
    for folder in folders:
        if (direction := exported_direction(folder)) is None:
            raise CheckpointError(f"{folder} makes images from noise; use python -m dcgan_lightning.generate")
        networks[direction] = ImageTranslator.from_pretrained(folder).requires_grad_(False)
    training = read_export(folders[0], averaged)
    directions = directions_of(training.target)
    if unknown := [name for name in networks if name not in directions]:
        raise CheckpointError(f"{folders[0]} is damaged: {training.target} has no direction {unknown[0]}")
    return TrainedTranslators(
        **training.describe(),
        path=training.path,
        networks=networks,
        sources={name: directions[name].source for name in networks},
    )


def form_of(network: ImageTranslator, prepare: bool, fit: Fit) -> ImageForm:
    """Return the target format of image files for a network.

    Args:
        network: The network that takes the images.
        prepare: Whether its inputs are derived from the images first (see `ImageTranslator.inputs_of`).
        fit: Treatment of files that are not square.
    """
    return ImageForm(network.image_size if prepare else network.input_size, network.image_channels, fit)
