"""The notebook's training step as a LightningModule."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.data.batches import Batch
from dcgan_lightning.networks.dcgan import build
from dcgan_lightning.systems.gan import GAN
from dcgan_lightning.systems.optimizers import Adams


class DCGAN(GAN):
    """A generator and a discriminator, both updated once an iteration from the same forward pass.

    The defaults are the notebook's recipe.

    Args:
        seed: The run's seed: initial weights, noise and dropout are functions of it.
        batch_size: Noise vectors per iteration, over all processes. As in the notebook, the batch of noise is
            always full, even if the last real batch is smaller.
        latent_dim: Length of a noise vector.
        generator_channels: The generator's inner channels (see `Generator`).
        discriminator_channels: The discriminator's channels (see `Discriminator`).
        negative_slope: Slope of all leaky rectifiers for negative inputs.
        dropout: Share of the discriminator's activations dropped in training, in [0, 1).
        classes: Number of classes, which are appended to noise and images (see `append_one_hot`); 0, as in
            the notebook: unconditional.
        generator_lr, discriminator_lr, betas, adam_eps: See `Adams`.
        accuracy_threshold: See `GAN`.
        **others: Further arguments of `GAN`.

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
        negative_slope: float = 0.3,
        dropout: float = 0.3,
        classes: int = 0,
        generator_lr: float = 1e-4,
        discriminator_lr: float = 1e-4,
        betas: Sequence[float] = (0.9, 0.999),
        adam_eps: float = 1e-7,
        accuracy_threshold: float = 0.5,
        **others: Any,
    ) -> None:
        adams = Adams(generator_lr, discriminator_lr, betas, adam_eps)
        super().__init__(seed, adams, accuracy_threshold=accuracy_threshold, **others)
        self.batch_size = batch_size
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
