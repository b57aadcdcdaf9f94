"""The notebook's training step as a LightningModule."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.data.batches import Batch
from dcgan_lightning.kernels.choose import FastPaths
from dcgan_lightning.networks.dcgan import build
from dcgan_lightning.networks.initialization import Initialization
from dcgan_lightning.systems.gan import GAN


class DCGAN(GAN):
    """A generator and a discriminator, both updated once an iteration from the same forward pass.

    The defaults are the notebook's recipe. All arguments are plain values, so a checkpoint holds them and can
    be loaded with ``weights_only=True``.

    Args:
        seed: The run's seed: initial weights, noise and dropout are functions of it.
        batch_size: Noise vectors per iteration, over all processes. As in the notebook, the batch of noise is
            always full, even if the last real batch is smaller.
        latent_dim: Length of a noise vector.
        generator_channels: The generator's inner channels (see `Generator`).
        discriminator_channels: The discriminator's channels (see `Discriminator`).
        image_channels: Channels of the images, 1 for grey.
        image_size: Pixels a side.
        negative_slope: Slope of all leaky rectifiers for negative inputs.
        dropout: Share of the discriminator's activations dropped in training, in [0, 1).
        initialization: Initialization of the weights (see `initialize`).
        classes: Number of classes, which are appended to noise and images (see `append_one_hot`); 0, as in
            the notebook: unconditional.
        loss, penalty, penalty_weight, penalty_every_n_iterations, augmentation, augmentation_probability,
        discriminator_steps, generator_lr, discriminator_lr, lr_decay, betas, adam_eps, accuracy_threshold,
        fast_paths, compile_mode: See `GAN`.
        freeze_discriminator_layers: Number of the discriminator's convolutions that are not trained (see
            `FreezableDiscriminator`).

    Source:
        ``train_step`` of the notebook.
    """

    def __init__(
        self,
        seed: int = 0,
        batch_size: int = 256,
        latent_dim: int = 100,
        generator_channels: Sequence[int] = (256, 128, 64),
        discriminator_channels: Sequence[int] = (64, 128),
        image_channels: int = 1,
        image_size: int = 28,
        negative_slope: float = 0.3,
        dropout: float = 0.3,
        initialization: Initialization = "glorot_uniform",
        generator_lr: float = 1e-4,
        discriminator_lr: float = 1e-4,
        betas: Sequence[float] = (0.9, 0.999),
        adam_eps: float = 1e-7,
        accuracy_threshold: float = 0.5,
        fast_paths: FastPaths = "auto",
        compile_mode: str | None = None,
        classes: int = 0,
        loss: str = "non_saturating",
        penalty: str | None = None,
        penalty_weight: float = 1.0,
        penalty_every_n_iterations: int = 1,
        augmentation: Sequence[str] = (),
        augmentation_probability: float = 1.0,
        discriminator_steps: int = 1,
        lr_decay: float = 0.0,
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
        self.batch_size = batch_size
        self.save_hyperparameters()
        self.generator, self.discriminator = build(self.hparams, stream_generator(seed, "init"))

    def sample_inputs(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Draw the noise of a full batch, even if the last real batch is smaller (see `GAN.sample_inputs`).

        Returns:
            This process' part of the noise (batch_size, latent_dim), and the real images' classes, repeated
            to the same number, or None.
        """
        noise = torch.randn(self.batch_size, self.generator.latent_dim, device=self.device)
        noise = noise[self.global_rank :: self.trainer.world_size]
        if batch.labels is None:
            return noise, None
        return noise, batch.labels.repeat(-(-len(noise) // len(batch.labels)))[: len(noise)]
