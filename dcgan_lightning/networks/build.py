"""Builds a system's networks from its class name without PyTorch Lightning, which takes seconds to import."""

import importlib
import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from torch import nn

from dcgan_lightning.networks.noise_generator import NoiseGenerator
from dcgan_lightning.networks.translator import Direction


def build_networks(target: str, settings: Mapping[str, Any]) -> tuple[NoiseGenerator, nn.Module]:
    """Return generator and discriminator of a system that makes images from noise.

    Args:
        target: Path of the system's class, such as "dcgan_lightning.systems.DCGAN"; its networks are in the
            module of the same name (in lower case) in this package.
        settings: The system's arguments.

    Raises:
        ValueError: There is no such module, or its networks do not make images from noise.
    """
    module = _module_of(target)
    if directions_of(target):
        raise ValueError(f"{target} translates images; use python -m dcgan_lightning.translate")
    if module is None:
        raise ValueError(f"{target} has no generator that makes images from noise")
    networks: tuple[NoiseGenerator, nn.Module] = module.build(settings)
    return networks


def build_translators(target: str, settings: Mapping[str, Any]) -> dict[str, nn.Module]:
    """Return the networks of a system that translates images, by their attribute names in the system.

    Args:
        target: See `build_networks`.
        settings: The system's arguments.

    Raises:
        ValueError: There is no such module, or its networks do not translate images.
    """
    module = _module_of(target)
    if module is None or not directions_of(target):
        raise ValueError(f"{target} makes images from noise; use python -m dcgan_lightning.generate")
    networks: dict[str, nn.Module] = module.build(settings)
    return networks


def directions_of(target: str) -> dict[str, Direction]:
    """Return the directions in which a system translates images, by name; the first one is the default.

    Args:
        target: See `build_networks`.

    Returns:
        Empty for a system that makes images from noise or does not belong to this project.
    """
    directions: dict[str, Direction] = getattr(_module_of(target), "DIRECTIONS", {})
    return directions


def _module_of(target: str) -> ModuleType | None:
    match = re.fullmatch(r"dcgan_lightning\.systems\.([A-Z]\w*)", target)
    if match is None:
        return None
    name = f"{__package__}.{match[1].lower()}"
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None
    return module if hasattr(module, "build") else None
