"""Feature networks for style transfer."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan_lightning.core.errors import ScoreError
from dcgan_lightning.evaluation.fashion_mnist.classifier import (
    HELD_OUT_FILE,
    WEIGHTS_FILE,
    ImageClassifier,
    describe_weights,
    load_classifier,
)
from dcgan_lightning.evaluation.features import hash_weights
from dcgan_lightning.networks.filters import FilterBank
from dcgan_lightning.networks.vgg import CONTENT_LAYER, STYLE_LAYERS, load_vgg19

PerceptualName = Literal["classifier", "random", "vgg19", "held_out"]
_SCALES = 2  # number of resolutions for the classifiers


@dataclass(frozen=True, eq=False)
class PerceptualNetwork:
    """Activations of a frozen network, for `StyleObjective`.

    Attributes:
        name: One of `PerceptualName`.
        digest: SHA-256 of its weights.
        style: Maps images (N, C, H, W) to the layers whose Gram matrices describe the style.
        content: Maps images (N, C, H, W), and an integer factor by which to downsample them first, to one
            layer.
        has_palette: Whether images are first normalised by the style's colours (see `Palette`).
    """

    name: str
    digest: str
    style: Callable[[Tensor], list[Tensor]]
    content: Callable[[Tensor, int], Tensor]
    has_palette: bool


def load_perceptual(
    name: PerceptualName = "classifier",
    channels: int = 1,
    weights: Path | str | None = None,
    device: torch.device | str = "cpu",
) -> PerceptualNetwork:
    """Return a feature network by its name.

    Args:
        name: "classifier": the convolutional layers of the shipped classifier. "random": a bank of random
            filters. "vgg19": VGG-19 with ``weights``. "held_out": the held-out classifier, to score the
            others.
        channels: Channels of the images, 1 or 3; classifiers process each channel separately.
        weights: For "vgg19" only: torchvision's file.
        device: Device for the computation.

    Raises:
        ScoreError: The name is unknown, or ``weights`` is missing or given for another name.
        WeightsError: The weights are missing, damaged or of another network.
    """
    if name not in get_args(PerceptualName):
        raise ScoreError(f"features must be one of {', '.join(get_args(PerceptualName))}; got {name!r}")
    if (weights is not None) != (name == "vgg19"):
        raise ScoreError(f"features={name} {'needs' if weights is None else 'takes no'} weights=FILE")
    if name == "vgg19":
        assert weights is not None
        vgg, digest = load_vgg19(weights)
        vgg.to(device)
        return PerceptualNetwork(
            name,
            digest,
            lambda images: [vgg(images)[layer] for layer in STYLE_LAYERS],
            lambda images, factor: vgg(images)[CONTENT_LAYER],
            has_palette=False,
        )
    if name == "random":
        bank = FilterBank(channels).to(device)
        small = FilterBank(1, scales=1).to(device)
        return PerceptualNetwork(
            name,
            hash_weights(bank),
            lambda images: [images, *bank(images)],
            lambda images, factor: small(_reduce(images, factor))[0],
            has_palette=True,
        )
    path = HELD_OUT_FILE if name == "held_out" else WEIGHTS_FILE
    network = load_classifier(path).to(device)
    stages = classifier_stages(network)
    return PerceptualNetwork(
        name,
        str(describe_weights(path)["sha256"]),
        lambda images: [images, *_at_scales(stages, images)],
        lambda images, factor: nn.Sequential(*stages)(_reduce(images, factor)),
        has_palette=True,
    )


def classifier_stages(network: ImageClassifier) -> list[nn.Module]:
    """Return the first two stages of a classifier, each up to a rectifier.

    Shape:
        (N, 1, H, W) to (N, 32, H, W), and that to (N, 64, H / 2, W / 2) or, of the residual architecture,
        (N, 32, H / 2, W / 2).
    """
    if network.architecture == "convolutional":
        return [network.trunk[:2], _MeanPooled(network.trunk[3:5])]
    return [network.trunk[:3], _MeanPooled(network.trunk[4:5])]


class _MeanPooled(nn.Module):
    """Layers after 2 x 2 average pooling, whose gradient reaches all pixels; that of max pooling reaches one.

    Source:
        Gatys et al. 2016, section 2.
    """

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, activations: Tensor) -> Tensor:
        result: Tensor = self.layers(F.avg_pool2d(activations, 2))
        return result


def _at_scales(stages: list[nn.Module], images: Tensor) -> list[Tensor]:
    """Return the activations of all stages at each resolution, with the colours' channels concatenated."""
    found = []
    for scale in range(_SCALES):
        if scale:
            images = F.avg_pool2d(images, 2)
        # Normalised images have mean 0 and deviation 1; the classifier was trained on Fashion-MNIST's.
        values = 0.7 * images.flatten(0, 1).unsqueeze(1) - 0.3
        for stage in stages:
            values = stage(values)
            found.append(values.unflatten(0, images.shape[:2]).flatten(1, 2))
    return found


def _reduce(images: Tensor, factor: int) -> Tensor:
    """Return greyscale images downsampled by ``factor``, with sides of at least 1 pixel."""
    grey = images.mean(dim=1, keepdim=True)
    return F.avg_pool2d(grey, factor, ceil_mode=True) if factor > 1 else grey
