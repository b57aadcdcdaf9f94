"""Settings of the notebook's system."""

from dcgan_lightning.config.checks import Check, below_one, list_of, whole
from dcgan_lightning.config.systems import gan
from dcgan_lightning.config.systems.gan import find_problem

__all__ = ["RULES", "find_problem"]

RULES: dict[str, Check] = {
    **gan.RULES,
    "batch_size": whole(2),
    "generator_channels": list_of(whole(1, 4096), 3),
    "discriminator_channels": list_of(whole(1, 4096), 2),
    "dropout": below_one,
}
