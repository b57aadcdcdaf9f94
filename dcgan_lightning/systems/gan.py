"""Base class of GANs with one generator of images from noise and one discriminator."""

import logging
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.core.measured import NOTEBOOK_FIGURES
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.data.batches import Batch
from dcgan_lightning.kernels.choose import FastPaths
from dcgan_lightning.losses import LOSSES, PENALTIES, discriminator_accuracy
from dcgan_lightning.networks.augmentation import augment
from dcgan_lightning.networks.averaging import statistics_inputs
from dcgan_lightning.networks.conditioning import given
from dcgan_lightning.networks.freezing import trainable
from dcgan_lightning.networks.initialization import Initialization
from dcgan_lightning.networks.modes import inference
from dcgan_lightning.networks.noise_generator import NoiseGenerator
from dcgan_lightning.networks.sampling import sample_images
from dcgan_lightning.systems.gradients import backpropagate
from dcgan_lightning.systems.optimizers import Adams
from dcgan_lightning.systems.system import System

log = logging.getLogger(__name__)

METRIC_NAMES = tuple(figure.name for figure in NOTEBOOK_FIGURES)


class GAN(System):
    """Update both networks in each iteration, from one forward pass and at the same weights.

    A subclass has the settings of its networks and optimizers as arguments and passes all others on. It
    builds ``self.generator`` and ``self.discriminator``, in this order, from ``self.hparams``, which holds
    the arguments of both classes. All are plain values, so that a checkpoint can hold them and be loaded with
    ``weights_only=True``.

    Args:
        seed: The run's seed: initial weights, noise and dropout are functions of it.
        adams: Learning rates and moments of both networks' optimizers.
        loss: Name of the adversarial loss, one of `LOSSES`.
        penalty: Name of the discriminator's gradient penalty, one of `PENALTIES`, or None.
        penalty_weight: Weight of the penalty, > 0.
        penalty_every_n_iterations: Compute the penalty in every n-th iteration, with n times the weight
            (Karras et al. 2020, https://arxiv.org/abs/1912.04958, appendix B).
        augmentation: Names of augmentations of the discriminator's input images (see `augment`).
        augmentation_probability: Probability of each augmentation for each image, in (0, 1].
        discriminator_steps: Updates of the discriminator for each one of the generator, >= 1.
        lr_decay: See `System`.
        accuracy_threshold: Decision threshold on the logit (see `discriminator_accuracy`).
        fast_paths: Whether to use `dcgan_lightning.kernels` and the single pass of
            `dcgan_lightning.systems.gradients`, which give the same results; "auto": where these were
            measured to be faster, and the single pass on all devices, where it only saves work; "bfloat16":
            as "auto", and training rounds the convolutions' products in the frequency domain; False:
            PyTorch's operations only.
        compile_mode: Mode of ``torch.compile`` for both networks, such as "reduce-overhead", which uses CUDA
            graphs; None: no compilation. The names of the weights stay the same.
        image_channels: Channels of the images, 1 for grey.
        image_size: Pixels a side.
        initialization: Initialization of the weights (see `initialize`).
        freeze_discriminator_layers: Number of the discriminator's convolutions that are not trained (see
            `FreezableDiscriminator`).
    """

    figures = NOTEBOOK_FIGURES
    averaged = ("generator",)
    remedy = "try smaller model.generator_lr and model.discriminator_lr"

    generator: NoiseGenerator
    discriminator: nn.Module

    def __init__(
        self,
        seed: int,
        adams: Adams,
        *,
        loss: str = "non_saturating",
        penalty: str | None = None,
        penalty_weight: float = 1.0,
        penalty_every_n_iterations: int = 1,
        augmentation: Sequence[str] = (),
        augmentation_probability: float = 1.0,
        discriminator_steps: int = 1,
        lr_decay: float = 0.0,
        accuracy_threshold: float = 0.0,
        fast_paths: FastPaths = "auto",
        compile_mode: str | None = None,
        image_channels: int = 1,
        image_size: int = 28,
        initialization: Initialization = "glorot_uniform",
        freeze_discriminator_layers: int = 0,
    ) -> None:
        super().__init__(seed, compile_mode, lr_decay)
        self.save_hyperparameters(ignore="adams")  # with the arguments of the subclass
        self.adams = adams
        self.loss = LOSSES[loss]
        self.penalty = None if penalty is None else PENALTIES[penalty]
        self.penalty_weight = penalty_weight
        self.penalty_every_n_iterations = penalty_every_n_iterations
        self.augmentation = tuple(augmentation)
        self.augmentation_probability = augmentation_probability
        self.discriminator_steps = discriminator_steps
        self.accuracy_threshold = accuracy_threshold
        self.fast_paths = fast_paths

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return generated images for noise vectors (see `NoiseGenerator`)."""
        images: Tensor = self.generator(z, labels)
        return images

    def judge(self, images: Tensor, labels: Tensor | None) -> Tensor:
        """Return the discriminator's logits of augmented images.

        Args:
            images: (N, C, 28, 28) in [-1, 1].
            labels: Their classes, int64 (N,), or None for an unconditional discriminator.

        Returns:
            (N,), unbounded.
        """
        augmented = augment(images, self.augmentation, self.augmentation_probability)
        logits: Tensor = self.discriminator(augmented, labels)
        return logits

    def sample_inputs(self, batch: Batch) -> tuple[Tensor, Tensor | None]:
        """Draw an iteration's noise and return it with the classes of the real images.

        All processes draw the noise of the whole batch and keep their part, so the noise does not depend on
        the number of processes.

        Returns:
            (N, latent_dim) standard normal, for N real images, and (N,) or None.
        """
        world_size = self.trainer.world_size
        noise = torch.randn(len(batch.images) * world_size, self.generator.latent_dim, device=self.device)
        return noise[self.global_rank :: world_size], batch.labels

    def learn(self, batch: Batch) -> dict[str, Tensor]:
        """Update both networks, with both gradients taken at the same weights.

        Args:
            batch: Real images (N, C, H, W) in [-1, 1], and their classes (N,) if the networks are
                conditional.

        Returns:
            The notebook's four figures, averaged over all processes; ``disc_loss`` excludes the penalty.

        Raises:
            DivergedError: A figure or the penalty is not finite; no weight was changed.
        """
        batch = batch if self.generator.classes else Batch(batch.images, None)
        noise, fake_labels = self.sample_inputs(batch)
        self.draw_apart()  # dropout differs between processes
        generator_learns = (self.iteration + 1) % self.discriminator_steps == 0
        with torch.set_grad_enabled(generator_learns):
            fake_images = self.generator(noise, fake_labels)
        # Compiled networks free their buffers after one backward pass.
        is_fast = self.compile_mode is not None or bool(self.fast_paths)
        real_logits, fake_logits, gen_loss, disc_loss = backpropagate(
            self.generator,
            self.discriminator,
            batch.images,
            fake_images,
            single_pass=is_fast and self.loss.allows_single_pass,
            backward=self.manual_backward,
            loss=self.loss,
            labels=None if fake_labels is None else (given(batch.labels), fake_labels),
            judge=self.judge,
            generator_learns=generator_learns,
        )
        accuracies = discriminator_accuracy(real_logits, fake_logits, self.accuracy_threshold)
        values = dict(zip(METRIC_NAMES, (gen_loss, disc_loss, *accuracies), strict=True))
        averaged = self.apply_gradients(
            values | self._penalize(batch.images, Batch(fake_images.detach(), fake_labels))
        )
        return {name: averaged[name] for name in METRIC_NAMES}

    def _penalize(self, real_images: Tensor, fake: Batch) -> dict[str, Tensor]:
        """Add the penalty's gradient to the discriminator's in an iteration where it is due.

        Args:
            real_images: (N, C, H, W).
            fake: At least N generated images, whose first N have the classes of the real images.

        Returns:
            The penalty without its weight, as a figure; empty if it was not computed.
        """
        if self.penalty is None or self.iteration % self.penalty_every_n_iterations:
            return {}

        def judge(images: Tensor) -> Tensor:
            return self.judge(images, None if fake.labels is None else fake.labels[: len(images)])

        penalty = self.penalty(judge, real_images, fake.images)
        weight = self.penalty_weight * self.penalty_every_n_iterations
        self.manual_backward(weight * penalty, inputs=trainable(self.discriminator))
        return {"penalty": penalty}

    def check_data(self, labels: Tensor | None) -> None:
        """Refuse data without labels or with more classes than conditional networks have.

        Raises:
            ConfigError: ``model.classes`` does not fit the labels.
        """
        classes = self.generator.classes
        if not classes:
            return
        if labels is None:
            raise ConfigError(f"model.classes={classes}, but the images have no labels; use model.classes=0")
        if (largest := int(labels.max())) >= classes:
            raise ConfigError(f"model.classes must be at least {largest + 1} for these images; got {classes}")
        if largest + 1 < classes:
            log.warning(
                "model.classes=%d, but the labels of the images end at %d, so the others have no images; use "
                "model.classes=%d",
                *(classes, largest, largest + 1),
            )

    def preview(self, count: int) -> Tensor:
        """Return images of fixed noise vectors, a function of the run's seed (see `System.preview`).

        With classes, the images of a class are consecutive, and all classes share the same noise vectors.
        """
        latent_dim, labels = self.generator.latent_dim, self.preview_labels(count)
        noise = torch.randn(count, latent_dim, generator=stream_generator(self.seed, "sample_grid"))
        inputs = [noise]
        if labels is not None:
            inputs = [noise[torch.arange(count) % int((labels == 0).sum())], labels]
        with inference(self.generator):
            images: Tensor = self.generator(*(part.to(self.device) for part in inputs))
        return images

    def preview_labels(self, count: int) -> Tensor | None:
        """Return the classes of the preview's images: equal parts of them, in order."""
        classes = self.generator.classes
        return torch.arange(count) // -(-count // classes) if classes else None

    def examples(self) -> dict[str, tuple[Tensor, ...]]:
        """Return a noise vector and an image, each with a class if the networks are conditional."""
        image = torch.zeros(1, *self.generator.image_shape)
        label = [torch.zeros(1, dtype=torch.int64)] if self.generator.classes else []
        return {
            "generator": (torch.zeros(1, self.generator.latent_dim), *label),
            "discriminator": (image, *label),
        }

    def sample(self, count: int, seed: int = 0, first: int = 0, label: int | None = None) -> Tensor:
        """Return the images ``first`` to ``first + count - 1`` of a seed (see `sample_images`)."""
        return sample_images(self.generator, count, seed, first, label)

    def statistics_inputs(self, name: str) -> Iterable[tuple[Tensor, ...]]:
        """Yield noise and classes for the averaged generator (see `System.statistics_inputs`)."""
        return statistics_inputs(self.generator.latent_dim, self.generator.classes, self.seed, self.device)

    def configure_optimizers(self) -> list[Optimizer]:
        """Return one Adam for the generator and one for the discriminator, in this order."""
        return self.adams.make(trainable(self.generator), trainable(self.discriminator))
