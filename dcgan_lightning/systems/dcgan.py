"""The notebook's training step as a LightningModule."""

import math
from collections.abc import Sequence
from typing import cast

import pytorch_lightning as pl
import torch
from pytorch_lightning.core.optimizer import LightningOptimizer
from torch import Tensor
from torch.optim import Adam, Optimizer

from dcgan_lightning.distributed import average_in_place
from dcgan_lightning.errors import DivergedError
from dcgan_lightning.kernels import choose
from dcgan_lightning.kernels.choose import FastPaths
from dcgan_lightning.memory import release_freed_memory
from dcgan_lightning.networks import (
    Discriminator,
    Generator,
    Initialization,
    discriminator_accuracy,
)
from dcgan_lightning.randomness import reseed_default_generators, stream_generator, stream_seed
from dcgan_lightning.systems.gradients import backpropagate

METRIC_NAMES = ("gen_loss", "disc_loss", "real_accuracy", "fake_accuracy")


class DCGAN(pl.LightningModule):
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
        super().__init__()
        self.automatic_optimization = False
        self.seed = seed
        self.batch_size = batch_size
        self.generator_lr = generator_lr
        self.discriminator_lr = discriminator_lr
        self.betas = (betas[0], betas[1])
        self.adam_eps = adam_eps
        self.accuracy_threshold = accuracy_threshold
        self.fast_paths = fast_paths
        self.compile_mode = compile_mode
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

    def configure_optimizers(self) -> list[Optimizer]:
        """Return one Adam for the generator and one for the discriminator, in this order."""

        def adam(network: torch.nn.Module, learning_rate: float) -> Adam:
            return Adam(network.parameters(), learning_rate, self.betas, self.adam_eps, fused=True)

        return [adam(self.generator, self.generator_lr), adam(self.discriminator, self.discriminator_lr)]

    def on_fit_start(self) -> None:
        """Have the networks compiled, at their first use, where that is asked for."""
        if self.compile_mode is not None:
            for network in (self.generator, self.discriminator):
                network.compile(mode=self.compile_mode)

    def on_train_epoch_start(self) -> None:
        """Let go of the memory that the end of the epoch before has left free, and of the gaps in it."""
        release_freed_memory()

    def on_train_batch_start(self, batch: Tensor, batch_idx: int) -> None:
        """Make this iteration's noise a function of (seed, epoch, batch)."""
        if self.compile_mode is not None:
            torch.compiler.cudagraph_mark_step_begin()  # memory of the last iteration may be used again
        self._reseed(batch_idx)

    def _reseed(self, batch_idx: int, rank: int = 0) -> None:
        iteration = self.current_epoch * int(self.trainer.num_training_batches) + batch_idx
        reseed_default_generators(stream_seed(self.seed, "iteration", iteration, rank), self.device)

    def training_step(self, batch: Tensor, batch_idx: int) -> dict[str, Tensor]:
        """Update both networks at once, as the notebook does: both gradients are taken at the same weights.

        Args:
            batch: Real images, (N, image_channels, 28, 28) in [-1, 1].
            batch_idx: The iteration within the epoch, from 0.

        Returns:
            The four figures of `METRIC_NAMES`, over the batches of all processes, without gradients, on the
            training device.

        Raises:
            DivergedError: A loss is not finite; no weight was changed.
        """
        optimizers = cast(list[LightningOptimizer], self.optimizers())

        noise = self.sample_noise()
        if self.global_rank:
            self._reseed(batch_idx, self.global_rank)  # each process drops out activations of its own
        fake_images = self.generator(noise)
        for optimizer in optimizers:
            optimizer.zero_grad()
        judgement = backpropagate(
            self.generator,
            self.discriminator,
            batch,
            fake_images,
            # Compiled networks keep nothing for a second pass.
            single_pass=self.compile_mode is not None or choose.use_single_pass(self.fast_paths, batch),
            backward=self.manual_backward,
        )

        real_logits, fake_logits, gen_loss, disc_loss = judgement
        accuracies = discriminator_accuracy(real_logits, fake_logits, self.accuracy_threshold)
        figures = torch.stack([gen_loss, disc_loss, *accuracies])
        gradients = [weights.grad for weights in self.parameters() if weights.grad is not None]
        average_in_place([*gradients, figures])
        metrics = dict(zip(METRIC_NAMES, figures.unbind(), strict=True))
        # Elsewhere it would make the device wait; History looks at epochs' ends.
        if self.device.type == "cpu":
            self.check_finite(metrics, batch_idx)

        for optimizer in optimizers:
            optimizer.step()
        self.log_dict(metrics)  # kept on the device until a logger wants them: no sync an iteration
        return metrics

    def check_finite(self, metrics: dict[str, Tensor], batch_idx: int) -> None:
        """Refuse to step from losses that are not finite.

        Raises:
            DivergedError: Names the loss, the epoch and the iteration, both from 1.
        """
        for name, figure in metrics.items():
            if not math.isfinite(figure.item()):
                raise DivergedError(divergence(name, figure.item(), self.current_epoch + 1, batch_idx + 1))


def divergence(name: str, value: float, epoch: int, iteration: int) -> str:
    """Return what to say of a figure that is not finite."""
    return (
        f"{name} became {value} at epoch {epoch}, iteration {iteration}; "
        "try smaller model.generator_lr and model.discriminator_lr"
    )
