"""SNGAN: small, spectrally normalized, class-conditional networks that train in minutes."""

from collections.abc import Sequence

from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.kernels.choose import FastPaths
from dcgan_lightning.networks.initialization import Initialization
from dcgan_lightning.networks.sngan import Output, build
from dcgan_lightning.systems.gan import GAN


class SNGAN(GAN):
    """A GAN whose spectrally normalized discriminator is stable at learning rates of 1e-2.

    All arguments are plain values, so a checkpoint holds them and can be loaded with ``weights_only=True``.

    Args:
        seed: See `GAN`.
        classes: Number of classes; 0: unconditional.
        latent_dim: Length of a noise vector.
        generator_channels: The generator's channels (see `SNGANGenerator`).
        discriminator_channels: The discriminator's channels (see `SNGANDiscriminator`).
        image_channels: Channels of the images, 1 for grey.
        image_size: Pixels a side.
        output: Upsampling of the generator's last layer (see `Output`).
        negative_slope: Slope of the discriminator's leaky rectifiers for negative inputs.
        spectral: Whether the discriminator's weights are spectrally normalized.
        initialization: Initialization of the weights (see `initialize`).
        loss, penalty, penalty_weight, penalty_every_n_iterations, augmentation, augmentation_probability,
        discriminator_steps, generator_lr, discriminator_lr, lr_decay, betas, adam_eps, accuracy_threshold,
        fast_paths, compile_mode: See `GAN`.
        freeze_discriminator_layers: Number of the discriminator's convolutions that are not trained (see
            `FreezableDiscriminator`).

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
        image_channels: int = 1,
        image_size: int = 28,
        output: Output = "pixel_shuffle",
        negative_slope: float = 0.2,
        spectral: bool = True,
        initialization: Initialization = "glorot_uniform",
        loss: str = "non_saturating",
        penalty: str | None = None,
        penalty_weight: float = 1.0,
        penalty_every_n_iterations: int = 1,
        augmentation: Sequence[str] = (),
        augmentation_probability: float = 1.0,
        discriminator_steps: int = 1,
        generator_lr: float = 5e-3,
        discriminator_lr: float = 1e-2,
        lr_decay: float = 0.7,
        betas: Sequence[float] = (0.0, 0.99),
        adam_eps: float = 1e-8,
        accuracy_threshold: float = 0.0,
        fast_paths: FastPaths = "auto",
        compile_mode: str | None = None,
        freeze_discriminator_layers: int = 0,
    ) -> None:
        super().__init__(
            seed=seed,
            loss=loss,
            penalty=penalty,
            penalty_weight=penalty_weight,
            penalty_every_n_iterations=penalty_every_n_iterations,
            augmentation=augmentation,
            augmentation_probability=augmentation_probability,
            discriminator_steps=discriminator_steps,
            generator_lr=generator_lr,
            discriminator_lr=discriminator_lr,
            lr_decay=lr_decay,
            betas=betas,
            adam_eps=adam_eps,
            accuracy_threshold=accuracy_threshold,
            fast_paths=fast_paths,
            compile_mode=compile_mode,
        )
        self.save_hyperparameters()
        self.generator, self.discriminator = build(self.hparams, stream_generator(seed, "init"))
