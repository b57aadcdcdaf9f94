"""From the settings of a GAN to its networks."""

from collections.abc import Mapping
from typing import Any, TypeVar

import torch

from dcgan_lightning.networks.freezing import FreezableDiscriminator

D = TypeVar("D", bound=FreezableDiscriminator)


def shared_arguments(
    settings: Mapping[str, Any], weights: torch.Generator | None, *names: str
) -> dict[str, Any]:
    """Return the arguments that a generator and its discriminator share.

    Args:
        settings: The system's arguments; ``classes`` and ``image_size`` may be missing, as in older
            checkpoints.
        weights: Source of the random numbers for the weights; PyTorch's default one if None.
        *names: Settings to take beside those that all GANs have.
    """
    shared = {name: settings[name] for name in ("image_channels", "initialization", *names)}
    return shared | {
        "classes": settings.get("classes", 0),
        "image_size": settings.get("image_size", 28),
        "generator": weights,
    }


def prepared(discriminator: D, settings: Mapping[str, Any]) -> D:
    """Return a discriminator in the memory layout of the training, with the lower layers frozen as set.

    Args:
        discriminator: Changed in place.
        settings: The system's arguments; ``freeze_discriminator_layers`` may be missing.
    """
    # In this layout the convolutions are up to 20 % faster on a CPU; the values are the same.
    discriminator.to(memory_format=torch.channels_last)
    discriminator.freeze(settings.get("freeze_discriminator_layers", 0))
    return discriminator
