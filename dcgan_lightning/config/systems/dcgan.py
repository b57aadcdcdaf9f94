"""Settings of the notebook's system."""

from collections.abc import Mapping
from typing import Any

from dcgan_lightning.config.checks import Check, below_one, list_of_some, whole
from dcgan_lightning.config.systems import gan

_EXTRA = {"generator_channels": 1, "discriminator_channels": 0}
RULES: dict[str, Check] = {
    **gan.RULES,
    "batch_size": whole(2),
    "generator_channels": list_of_some(whole(1, 4096), 3, 5),
    "discriminator_channels": list_of_some(whole(1, 4096), 2, 4),
    "dropout": below_one,
}


def find_problem(model: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    """Return why settings do not fit together, or None if they do."""
    return gan.find_problem(model, data) or gan.layers_problem(model, _EXTRA)
