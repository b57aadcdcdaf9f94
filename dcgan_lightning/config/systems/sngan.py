"""Settings of the spectrally normalized GAN."""

from dcgan_lightning.config.checks import Check, flag, list_of, one_of, whole
from dcgan_lightning.config.systems import gan
from dcgan_lightning.config.systems.gan import find_problem

__all__ = ["RULES", "find_problem"]

RULES: dict[str, Check] = {
    **gan.RULES,
    "generator_channels": list_of(whole(1, 4096), 2),
    "discriminator_channels": list_of(whole(1, 4096), 3),
    "output": one_of("pixel_shuffle", "transposed", "resize"),
    "spectral": flag,
}
