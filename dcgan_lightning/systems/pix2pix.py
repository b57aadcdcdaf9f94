"""Pix2Pix: paired image-to-image translation."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.optim import Optimizer

from dcgan_lightning.core.measured import ACCURACY, LOSS, Figure
from dcgan_lightning.core.pixels import normalize
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.data.batches import Batch
from dcgan_lightning.losses import LOSSES, discriminator_accuracy
from dcgan_lightning.networks.averaging import STATISTICS_BATCH_SIZE, STATISTICS_BATCHES
from dcgan_lightning.networks.initialization import Initialization
from dcgan_lightning.networks.modes import inference
from dcgan_lightning.networks.pix2pix import PairDiscriminator, UNet, build
from dcgan_lightning.systems.optimizers import Adams
from dcgan_lightning.systems.translator import Translator


class Pix2Pix(Translator):
    """A U-Net that restores images from inputs such as edge drawings, with a patch discriminator of pairs.

    Args:
        seed: The run's seed: initial weights and dropout are functions of it.
        task: Name of the function that derives inputs from images (see `dcgan_lightning.networks.tasks`).
        generator_channels: The U-Net's channels (see `UNet`).
        discriminator_channels: The discriminator's channels (see `PairDiscriminator`).
        dropout: Share of the U-Net's activations dropped at the lowest resolution in training, in [0, 1).
        spectral: Whether the discriminator is spectrally normalized.
        initialization: Initialization of the weights (see `initialize`).
        loss: Name of the adversarial loss, one of `LOSSES`.
        adversarial_weight: Weight of the adversarial term in the U-Net's loss, >= 0; 0: only the L1 term.
        l1_weight: Weight of the L1 term: the mean absolute difference of output and target, >= 0.
        generator_lr, discriminator_lr, betas, adam_eps: See `Adams`.
        accuracy_threshold: Decision threshold on the logit (see `discriminator_accuracy`).
        **others: Further arguments of `Translator`; for ``image_size`` see `UNet`.

    Source:
        Isola et al. 2017, https://arxiv.org/abs/1611.07004.
    """

    figures = (
        Figure("l1", "Distance to the target", "mean absolute distance (range 2)", "L1", "Generator"),
        Figure("gen_loss", *LOSS, "gen", "Generator", tone="warm"),
        Figure("disc_loss", *LOSS, "disc", "Discriminator", tone="cool"),
        Figure("real_accuracy", *ACCURACY, "real", "Real patches", 2, is_share=True, tone="cool"),
        Figure("fake_accuracy", *ACCURACY, "fake", "Generated patches", 2, is_share=True, tone="warm"),
    )
    averaged = ("generator",)
    remedy = "try smaller model.generator_lr and model.discriminator_lr"
    panels = ("input", "output", "target")

    def __init__(
        self,
        seed: int = 0,
        task: str = "edges",
        generator_channels: Sequence[int] = (32, 64, 96),
        discriminator_channels: Sequence[int] = (32, 64),
        dropout: float = 0.5,
        spectral: bool = True,
        initialization: Initialization = "glorot_uniform",
        loss: str = "non_saturating",
        adversarial_weight: float = 1.0,
        l1_weight: float = 100.0,
        generator_lr: float = 2e-3,
        discriminator_lr: float = 2e-3,
        betas: Sequence[float] = (0.5, 0.999),
        adam_eps: float = 1e-8,
        accuracy_threshold: float = 0.0,
        **others: Any,
    ) -> None:
        super().__init__(seed, **others)
        self.loss = LOSSES[loss]
        self.adversarial_weight = adversarial_weight
        self.l1_weight = l1_weight
        self.adams = Adams(generator_lr, discriminator_lr, betas, adam_eps)
        self.accuracy_threshold = accuracy_threshold
        self.generator: UNet
        self.discriminator: PairDiscriminator
        for name, network in build(self.hparams, stream_generator(seed, "init")).items():
            self.add_module(name, network)

    def learn(self, batch: Batch) -> dict[str, Tensor]:
        """Update both networks, with both gradients taken at the same weights.

        Args:
            batch: The targets: real images (N, C, H, W) in [-1, 1].

        Returns:
            The figures, averaged over all processes; ``gen_loss`` is the adversarial term without its weight.

        Raises:
            DivergedError: A figure is not finite; no weight was changed.
        """
        targets = batch.images
        inputs = self.generator.inputs_of(targets)
        self.draw_apart()  # dropout differs between processes
        made = self.generator(inputs)
        seen = made.detach().requires_grad_()  # separates the two networks' graphs
        real_logits, fake_logits = self.discriminator(inputs, targets), self.discriminator(inputs, seen)
        gen_loss = self.loss.generator(real_logits, fake_logits)
        disc_loss = self.loss.discriminator(real_logits, fake_logits)
        (of_made,) = torch.autograd.grad(gen_loss, [seen], retain_graph=True)
        self.manual_backward(disc_loss, inputs=list(self.discriminator.parameters()))
        l1 = F.l1_loss(made, targets)
        # The first term's gradient is that of the weighted adversarial loss.
        self.manual_backward(
            self.adversarial_weight * (made * of_made).sum() + self.l1_weight * l1,
            inputs=list(self.generator.parameters()),
        )
        accuracies = discriminator_accuracy(real_logits, fake_logits, self.accuracy_threshold)
        values = (l1, gen_loss, disc_loss, *accuracies)
        names = (figure.name for figure in self.figures)
        return self.apply_gradients(dict(zip(names, values, strict=True)))

    def show(self, images: Tensor, labels: Tensor | None, groups: int) -> Tensor:
        """Return input, output and target of each of the first images (see `Translator`)."""
        targets = images[:groups]
        inputs = self.generator.inputs_of(targets)
        with inference(self.generator):
            made = self.generator(inputs)
        return torch.stack([inputs, made, targets], 1).flatten(0, 1)

    def statistics_inputs(self, name: str) -> Iterator[tuple[Tensor, ...]]:
        """Yield inputs derived from the first training images, in batches of equal size."""
        images = self.trainer.datamodule.images  # type: ignore[attr-defined]
        size = min(STATISTICS_BATCH_SIZE, len(images))
        for start in range(0, min(STATISTICS_BATCHES, len(images) // size) * size, size):
            block = images[start : start + size].to(self.device)
            yield (self.generator.inputs_of(normalize(block)),)

    def examples(self) -> dict[str, tuple[Tensor, ...]]:
        """Return an input for the generator, and an input and an image for the discriminator."""
        image = torch.zeros(1, self.generator.image_channels, *[self.generator.image_size] * 2)
        return {"generator": (image,), "discriminator": (image, image)}

    def configure_optimizers(self) -> list[Optimizer]:
        """Return one Adam for the generator and one for the discriminator, in this order."""
        return self.adams.make(self.generator.parameters(), self.discriminator.parameters())
