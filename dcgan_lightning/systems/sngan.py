"""SNGAN: small, spectrally normalized, class-conditional networks that train in minutes."""

from collections.abc import Sequence
from typing import Any

from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.networks.sngan import Output, build
from dcgan_lightning.systems.gan import GAN
from dcgan_lightning.systems.optimizers import Adams


class SNGAN(GAN):
    """A GAN whose spectrally normalized discriminator is stable at learning rates of 1e-2.

    Args:
        seed: See `GAN`.
        classes: Number of classes; 0: unconditional.
        latent_dim: Length of a noise vector.
        generator_channels: The generator's channels (see `SNGANGenerator`).
        discriminator_channels: The discriminator's channels (see `SNGANDiscriminator`).
        output: Upsampling of the generator's last layer (see `Output`).
        negative_slope: Slope of the discriminator's leaky rectifiers for negative inputs.
        spectral: Whether the discriminator's weights are spectrally normalized.
        generator_lr, discriminator_lr, betas, adam_eps: See `Adams`.
        lr_decay: See `System`.
        **others: Further arguments of `GAN`.

    Source:
        Miyato et al. 2018, https://arxiv.org/abs/1802.05957; Miyato and Koyama 2018,
        https://arxiv.org/abs/1802.05637.
    """

    def __init__(
        self,
        seed: int = 0,
        classes: int = 10,
        latent_dim: int = 64,
        generator_channels: Sequence[int] = (96, 48),
        discriminator_channels: Sequence[int] = (32, 64, 128),
        output: Output = "pixel_shuffle",
        negative_slope: float = 0.2,
        spectral: bool = True,
        generator_lr: float = 5e-3,
        discriminator_lr: float = 1e-2,
        lr_decay: float = 0.7,
        betas: Sequence[float] = (0.0, 0.99),
        adam_eps: float = 1e-8,
        **others: Any,
    ) -> None:
        adams = Adams(generator_lr, discriminator_lr, betas, adam_eps)
        super().__init__(seed, adams, lr_decay=lr_decay, **others)
        self.generator, self.discriminator = build(self.hparams, stream_generator(seed, "init"))
