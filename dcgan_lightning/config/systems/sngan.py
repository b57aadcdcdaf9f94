"""Settings of the spectrally normalized GAN."""

from collections.abc import Mapping
from typing import Any

from dcgan_lightning.config.checks import Check, flag, list_of_some, one_of, whole
from dcgan_lightning.config.systems import gan

_EXTRA = {"generator_channels": 0, "discriminator_channels": 1}
RULES: dict[str, Check] = {
    **gan.RULES,
    "generator_channels": list_of_some(whole(1, 4096), 2, 4),
    "discriminator_channels": list_of_some(whole(1, 4096), 3, 5),
    "output": one_of("pixel_shuffle", "transposed", "resize"),
    "spectral": flag,
    "fast_paths": one_of("auto", True, False),  # no products in the frequency domain to round
}


def find_problem(model: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    """Return why settings do not fit together, or None if they do."""
    return gan.find_problem(model, data) or gan.layers_problem(model, _EXTRA)
