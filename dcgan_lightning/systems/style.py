"""Feed-forward style transfer: a network trained for one style stylises images in milliseconds."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from dcgan_lightning.core.errors import CheckpointError
from dcgan_lightning.core.measured import Figure
from dcgan_lightning.core.pixels import normalize, to_uint8
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.data.batches import Batch
from dcgan_lightning.data.style_images import read_style
from dcgan_lightning.evaluation.perceptual import PerceptualName, load_perceptual
from dcgan_lightning.evaluation.style_objective import StyleObjective
from dcgan_lightning.losses.style import total_variation
from dcgan_lightning.networks.masks import object_mask
from dcgan_lightning.networks.modes import inference
from dcgan_lightning.networks.style import StyleNetwork, build
from dcgan_lightning.systems.optimizers import make_adam
from dcgan_lightning.systems.translator import Translator

_DISTANCE = ("Style and content", "relative distance (0: reached)")


class Style(Translator):
    """Train a network to minimise the loss of ``stylize`` for all images instead of a single one.

    Args:
        seed: The run's seed.
        style: The name of a built-in pattern, or an image file.
        period: Pixels from one repetition of a built-in pattern to the next, in the enlarged image.
        features: Name of the feature network (see `load_perceptual`).
        weights: File of the feature network's weights, for "vgg19" only.
        scale: How often the network enlarges them (see `StyleNetwork`).
        channels: The network's channels (see `StyleNetwork`).
        blocks: Its number of residual blocks.
        canvas_channels: Learned input channels that differ between positions (see `StyleNetwork`).
        keep_background: Stylise only pixels that are not black background.
        content_weight: Weight of the content loss.
        style_weight: Weight of the style loss.
        variation_weight: Weight of the total variation.
        generator_lr: Learning rate, > 0.
        betas: Decay rates of Adam's moments, each in [0, 1).
        adam_eps: Added to Adam's denominator.
        compile_mode: See `System`.
        **others: Further arguments of `Translator`; with ``image_channels=1`` (grey) the style is converted
            to greyscale too.

    Source:
        Johnson et al. 2016, https://arxiv.org/abs/1603.08155.
    """

    figures = (
        Figure("style_loss", *_DISTANCE, "style", "Style", tone="warm"),
        Figure("content_loss", *_DISTANCE, "content", "Content", tone="cool"),
        Figure("total_variation", "Roughness", "total variation (-1 to 1)", "rough", "Total variation"),
    )
    averaged = ("generator",)
    remedy = "try a smaller model.generator_lr"
    panels = ("content", "stylised")

    generator: StyleNetwork
    style_image: Tensor

    def __init__(
        self,
        seed: int = 0,
        style: str = "stripes",
        period: float = 14.0,
        features: PerceptualName = "classifier",
        weights: str | None = None,
        scale: int = 4,
        channels: Sequence[int] = (32, 16, 8),
        blocks: int = 3,
        canvas_channels: int = 8,
        keep_background: bool = True,
        content_weight: float = 0.2,
        style_weight: float = 1.0,
        variation_weight: float = 0.02,
        generator_lr: float = 3e-3,
        betas: Sequence[float] = (0.9, 0.99),
        adam_eps: float = 1e-8,
        compile_mode: str | None = None,
        **others: Any,
    ) -> None:
        super().__init__(seed, **others)
        self.compile_mode = compile_mode
        image_channels, image_size, _ = self.image_shape
        self.style = style
        self.features = (features, image_channels, weights)
        self.loss_weights = (style_weight, content_weight, variation_weight)
        self.adam = (generator_lr, betas, adam_eps)
        for name, network in build(self.hparams, stream_generator(seed, "init")).items():
            self.add_module(name, network)
        image = read_style(style, "model.style", scale * image_size, image_channels, period)
        self.register_buffer("style_image", to_uint8(image))  # in checkpoints, to detect a changed file
        self._objective = self._find_objective()

    def on_fit_start(self) -> None:
        """Move the feature network to the training device."""
        super().on_fit_start()
        self._objective = self._find_objective()

    def learn(self, batch: Batch) -> dict[str, Tensor]:
        """Update the network.

        Args:
            batch: Its images, (N, C, image_size, image_size) in [-1, 1].
        """
        images = self.generator.inputs_of(batch.images)
        mask = object_mask(images, factor=self.generator.scale) if self.generator.keep_background else None
        with torch.no_grad():
            wanted = self._objective.content(images)
        made = self.generator(images)
        figures = {
            "style_loss": self._objective.style_loss(made, mask),
            "content_loss": self._objective.content_loss(made, wanted),
            "total_variation": total_variation(made),
        }
        terms = zip(self.loss_weights, figures.values(), strict=True)
        self.manual_backward(torch.stack([weight * figure for weight, figure in terms]).sum())
        return self.apply_gradients(figures)

    def show(self, images: Tensor, labels: Tensor | None, groups: int) -> Tensor:
        """Return enlarged images, each beside its stylised version (see `Translator`)."""
        inputs = self.generator.inputs_of(images[:groups])
        with inference(self.generator):
            return torch.stack([inputs, self.generator(inputs)], dim=1).flatten(0, 1)

    def examples(self) -> dict[str, tuple[Tensor, ...]]:
        """Return an enlarged image of noise."""
        return {"generator": self.generator.example_inputs(1)}

    def image_shapes(self) -> set[torch.Size]:
        """Return the shape (C, H, W) of images before they are enlarged."""
        return {torch.Size(self.image_shape)}

    def find_fault(self, state: Mapping[str, Tensor]) -> str | None:
        """Refuse a checkpoint of another style image.

        Returns:
            None: there are no other faults.

        Raises:
            CheckpointError: The style's file has changed since the run was started.
        """
        if not torch.equal(state["style_image"].cpu(), self.style_image.cpu()):
            raise CheckpointError(
                f"the run was trained with another image than model.style={self.style} is now; put the file "
                "back, or start a new run"
            )
        return None

    def configure_optimizers(self) -> list[Optimizer]:
        """Return Adam for the network."""
        return [make_adam(self.generator.parameters(), *self.adam)]

    def _find_objective(self) -> StyleObjective:
        network = load_perceptual(*self.features, device=self.device)
        return StyleObjective(network, [normalize(self.style_image)], reduction=self.generator.scale)
