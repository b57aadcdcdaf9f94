"""The notebook's training step as a LightningModule."""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor
from torch.optim import Adam, Optimizer

from dcgan_lightning.core.measured import NOTEBOOK_FIGURES
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.kernels import choose
from dcgan_lightning.kernels.choose import FastPaths
from dcgan_lightning.networks import (
    Discriminator,
    Generator,
    Initialization,
    discriminator_accuracy,
)
from dcgan_lightning.networks.averaging import statistics_noise
from dcgan_lightning.networks.discriminator import IMAGE_SIZE
from dcgan_lightning.networks.modes import inference
from dcgan_lightning.networks.sampling import sample_images
from dcgan_lightning.systems.gradients import backpropagate
from dcgan_lightning.systems.system import System


class DCGAN(System):
    """A generator and a discriminator, both updated once an iteration from the same forward pass.

    The defaults are the notebook's recipe. All arguments are plain values, so a checkpoint holds them and can
    be loaded with ``weights_only=True``.

    Args:
        seed: The run's seed: initial weights, noise and dropout are functions of it.
        batch_size: Noise vectors an iteration, over all processes. As in the notebook it is always the full
            batch, also when the last real batch is smaller.
        latent_dim: Length of a noise vector.
        generator_channels: The generator's inner channels (see `Generator`).
        discriminator_channels: The discriminator's channels (see `Discriminator`).
        image_channels: Channels of the images, 1 for grey.
        negative_slope: Slope of all leaky rectifiers for negative inputs.
        dropout: Share of the discriminator's activations dropped in training, in [0, 1).
        initialization: How the weights start (see `initialize`).
        generator_lr: The generator's learning rate, > 0.
        discriminator_lr: The discriminator's learning rate, > 0.
        betas: Decay rates of both Adams' moments, each in [0, 1).
        adam_eps: Added to the denominator of both Adams; Keras' default is 1e-7.
        accuracy_threshold: Bound on the logit for the accuracies (see `discriminator_accuracy`).
        fast_paths: Whether to compute in the ways of `dcgan_lightning.kernels` and
            `dcgan_lightning.systems.gradients`, which have the same results; "auto": where they were
            measured to win. False leaves PyTorch's own operations only.
        compile_mode: Mode of ``torch.compile`` for both networks, such as "reduce-overhead", which uses CUDA
            graphs; None: no compilation. Names of weights stay the same.

    Source:
        ``train_step`` of the notebook.
    """

    figures = NOTEBOOK_FIGURES
    averaged = ("generator",)

    def __init__(
        self,
        seed: int = 0,
        batch_size: int = 256,
        latent_dim: int = 100,
        generator_channels: Sequence[int] = (256, 128, 64),
        discriminator_channels: Sequence[int] = (64, 128),
        image_channels: int = 1,
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
    ) -> None:
        super().__init__(seed, compile_mode)
        self.batch_size = batch_size
        self.image_channels = image_channels
        self.generator_lr = generator_lr
        self.discriminator_lr = discriminator_lr
        self.betas = (betas[0], betas[1])
        self.adam_eps = adam_eps
        self.accuracy_threshold = accuracy_threshold
        self.fast_paths = fast_paths
        self.save_hyperparameters()

        weights = stream_generator(seed, "init")
        self.generator = Generator(
            latent_dim,
            generator_channels,
            image_channels,
            negative_slope,
            initialization,
            weights,
            fast_paths,
        )
        self.discriminator = Discriminator(
            discriminator_channels,
            image_channels,
            negative_slope,
            dropout,
            initialization,
            weights,
            fast_paths,
        )
        # The discriminator's convolutions are a fifth faster on a CPU in this layout; values are the same.
        self.discriminator.to(memory_format=torch.channels_last)

    def forward(self, z: Tensor) -> Tensor:
        """Return generated images for noise vectors (shapes: see `Generator`)."""
        images: Tensor = self.generator(z)
        return images

    def sample_noise(self) -> Tensor:
        """Draw an iteration's standard normal noise vectors: this process' part of (batch_size, latent_dim).

        All processes draw the whole batch and keep their part, so the noise does not depend on their number.
        """
        noise = torch.randn(self.batch_size, self.generator.latent_dim, device=self.device)
        return noise[self.global_rank :: self.trainer.world_size]

    def preview(self, count: int) -> Tensor:
        """Return the images of ``count`` noise vectors that follow from the run's seed."""
        shape = (count, self.generator.latent_dim)
        noise = torch.randn(shape, generator=stream_generator(self.seed, "sample_grid"))
        with inference(self.generator):
            images: Tensor = self.generator(noise.to(self.device))
        return images

    def examples(self) -> dict[str, Tensor]:
        """Return a noise vector and an image."""
        image = torch.zeros(1, self.image_channels, IMAGE_SIZE, IMAGE_SIZE)
        return {"generator": torch.zeros(1, self.generator.latent_dim), "discriminator": image}

    def sample(self, count: int, seed: int = 0, first: int = 0) -> Tensor:
        """Return the images ``first`` to ``first + count - 1`` of a seed (see `sample_images`)."""
        return sample_images(self.generator, count, seed, first)

    def statistics_inputs(self, name: str) -> Iterable[Tensor]:
        """Yield noise for the averaged generator."""
        return statistics_noise(self.generator.latent_dim, self.seed, self.device)

    def configure_optimizers(self) -> list[Optimizer]:
        """Return one Adam for the generator and one for the discriminator, in this order."""

        def adam(network: torch.nn.Module, learning_rate: float) -> Adam:
            return Adam(network.parameters(), learning_rate, self.betas, self.adam_eps, fused=True)

        return [adam(self.generator, self.generator_lr), adam(self.discriminator, self.discriminator_lr)]

    def learn(self, batch: Tensor) -> dict[str, Tensor]:
        """Update both networks at once, as the notebook does: both gradients are taken at the same weights.

        Args:
            batch: Real images, (N, image_channels, 28, 28) in [-1, 1].

        Returns:
            The four figures, over the batches of all processes.
        """
        noise = self.sample_noise()
        self.draw_apart()  # each process drops out activations of its own
        fake_images = self.generator(noise)
        real_logits, fake_logits, gen_loss, disc_loss = backpropagate(
            self.generator,
            self.discriminator,
            batch,
            fake_images,
            # Compiled networks keep nothing for a second pass.
            single_pass=self.compile_mode is not None or choose.use_single_pass(self.fast_paths, batch),
            backward=self.manual_backward,
        )
        accuracies = discriminator_accuracy(real_logits, fake_logits, self.accuracy_threshold)
        values = (gen_loss, disc_loss, *accuracies)
        return self.apply_gradients(dict(zip(METRIC_NAMES, values, strict=True)))


METRIC_NAMES = tuple(figure.name for figure in DCGAN.figures)
