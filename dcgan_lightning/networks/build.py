"""The networks of a GAN by the name of its system; no PyTorch Lightning, which takes seconds to import."""

import importlib
import re
from collections.abc import Mapping
from typing import Any

from torch import nn

from dcgan_lightning.networks.noise_generator import NoiseGenerator


def build_networks(target: str, settings: Mapping[str, Any]) -> tuple[NoiseGenerator, nn.Module]:
    """Return generator and discriminator of a system.

    Args:
        target: The system's class, as "dcgan_lightning.systems.DCGAN"; its networks are in the module of that
            name in this package.
        settings: The system's arguments.

    Raises:
        ValueError: There is no such module, or none with networks that make images from noise.
    """
    match = re.fullmatch(r"dcgan_lightning\.systems\.([A-Z]\w*)", target)
    name = f"{__package__}.{match[1].lower()}" if match else ""
    try:
        module = importlib.import_module(name)
        networks: tuple[NoiseGenerator, nn.Module] = module.build(settings)
    except (ModuleNotFoundError, AttributeError, ValueError) as error:
        if name and isinstance(error, ValueError):
            raise
        raise ValueError(f"{target} has no generator that makes images from noise") from error
    return networks
