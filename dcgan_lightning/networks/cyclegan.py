"""Networks for translation between two image domains: residual generators, patch discriminators."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan_lightning.networks.initialization import Initialization, initialize
from dcgan_lightning.networks.spectral import normalize_spectrally
from dcgan_lightning.networks.translator import Direction, ImageTranslator

DIRECTIONS = {"a_to_b": Direction("generator_ab", source=0), "b_to_a": Direction("generator_ba", source=1)}


class CycleGANGenerator(ImageTranslator):
    """Translate an image: downsample its sides by 4, apply residual blocks, upsample again.

    Upsampling is by pixel shuffle, at a quarter of the cost of convolutions at the higher resolution.

    Args:
        image_channels: Channels of the images, 1 for grey.
        image_size: Pixels a side, a multiple of 4.
        channels: Channels at 1/2 and at 1/4 of the sides.
        blocks: Number of residual blocks.
        skip: Whether the image itself is added to the output before tanh, with a learned weight that starts
            at 0. Instance normalization removes absolute brightness; the skip connection keeps it.
        initialization: How the weights start (see `initialize`).
        generator: Source of the random numbers for the weights; PyTorch's default one if not given.

    Shape:
        images (N, image_channels, H, W) in [-1, 1], H and W multiples of 4; output: same shape and range.

    Source:
        Zhu et al. 2017, https://arxiv.org/abs/1703.10593, section 7.1: residual blocks (Johnson et al. 2016,
        https://arxiv.org/abs/1603.08155) and instance normalization (Ulyanov et al. 2016,
        https://arxiv.org/abs/1607.08022); Shi et al. 2016, https://arxiv.org/abs/1609.05158, for the pixel
        shuffle.
    """

    def __init__(
        self,
        image_channels: int = 1,
        image_size: int = 28,
        channels: Sequence[int] = (24, 48),
        blocks: int = 3,
        skip: bool = False,
        initialization: Initialization = "glorot_uniform",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(image_channels, image_size, channels=list(channels), blocks=blocks, skip=skip)
        half, fourth = channels
        self.down = nn.Sequential(*_shrinking(image_channels, half), *_shrinking(half, fourth))
        self.blocks = nn.Sequential(*(ResidualBlock(fourth) for _ in range(blocks)))
        self.up = nn.Sequential(
            nn.Conv2d(fourth, 4 * half, 3, padding=1, bias=False),
            nn.PixelShuffle(2),
            nn.InstanceNorm2d(half, affine=True),
            nn.ReLU(),
            nn.Conv2d(half, 4 * image_channels, 3, padding=1),
            nn.PixelShuffle(2),
        )
        self.skip = nn.Conv2d(image_channels, image_channels, 1) if skip else None
        initialize(self, initialization, generator)
        if self.skip is not None:
            nn.init.zeros_(self.skip.weight)

    def forward(self, images: Tensor) -> Tensor:
        """Return one translated image for each image (shapes: see the class)."""
        made = self.up(self.blocks(self.down(images)))
        return torch.tanh(made if self.skip is None else made + self.skip(images))


def _shrinking(in_channels: int, out_channels: int) -> list[nn.Module]:
    convolution = nn.Conv2d(in_channels, out_channels, 4, stride=2, padding=1, bias=False)
    return [convolution, nn.InstanceNorm2d(out_channels, affine=True), nn.ReLU()]


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with instance normalization, added to their input.

    Args:
        channels: Channels of input and output.

    Shape:
        (N, channels, H, W); output of the same shape.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm = nn.InstanceNorm2d(channels, affine=True)
        self.convolution_1 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm_1 = nn.InstanceNorm2d(channels, affine=True)

    def forward(self, features: Tensor) -> Tensor:
        """Return input plus convolutions (shapes: see the class)."""
        change = F.relu(self.norm(self.convolution(features)))
        changed: Tensor = features + self.norm_1(self.convolution_1(change))
        return changed


class PatchDiscriminator(nn.Module):
    """Classify each patch of an image: three convolutions that halve the sides, then one logit per patch.

    A logit's receptive field of 34 x 34 pixels covers all of a 28 x 28 image except the far edges.

    Args:
        channels: Channels of the first three convolutions.
        image_channels: Channels of the images, 1 for grey.
        negative_slope: Slope of the leaky rectifiers for negative inputs, >= 0.
        spectral: Whether the weights are spectrally normalized (see `normalize_spectrally`).
        initialization: How the weights start (see `initialize`).
        generator: Source of the random numbers for the weights; PyTorch's default one if not given.

    Shape:
        images (N, image_channels, H, W) in [-1, 1]; logits (N, ceil(H / 8), ceil(W / 8)), high for "real".

    Source:
        Isola et al. 2017, https://arxiv.org/abs/1611.07004, section 3.2.2.
    """

    def __init__(
        self,
        channels: Sequence[int] = (32, 64, 128),
        image_channels: int = 1,
        negative_slope: float = 0.2,
        spectral: bool = True,
        initialization: Initialization = "glorot_uniform",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        first, second, third = channels
        self.negative_slope = negative_slope
        self.convolution = nn.Conv2d(image_channels, first, 4, stride=2, padding=1)
        self.convolution_1 = nn.Conv2d(first, second, 4, stride=2, padding=1)
        self.convolution_2 = nn.Conv2d(second, third, 3, stride=2, padding=1)
        self.logits = nn.Conv2d(third, 1, 3, padding=1)
        initialize(self, initialization, generator)
        if spectral:
            normalize_spectrally(self, generator)

    def forward(self, images: Tensor) -> Tensor:
        """Return one logit per patch of each image (shapes: see the class)."""
        features = images
        for convolution in (self.convolution, self.convolution_1, self.convolution_2):
            features = F.leaky_relu(convolution(features), self.negative_slope)
        logits: Tensor = self.logits(features).squeeze(1)
        return logits


def build(settings: Mapping[str, Any], weights: torch.Generator | None = None) -> dict[str, nn.Module]:
    """Return the networks of a `dcgan_lightning.systems.CycleGAN` by their attribute names.

    Args:
        settings: The system's arguments.
        weights: Source of the random numbers for the weights; PyTorch's default one if not given.
    """
    shared = {"initialization": settings["initialization"], "generator": weights}
    shape = {"image_channels": settings["image_channels"]}

    def generator() -> nn.Module:
        own = {name: settings[name] for name in ("image_size", "blocks")}
        own["skip"] = settings.get("skip", False)  # older checkpoints do not have it
        return CycleGANGenerator(**shape, channels=settings["generator_channels"], **own, **shared)

    def discriminator() -> nn.Module:
        channels, slope, spectral = (
            settings[key] for key in ("discriminator_channels", "negative_slope", "spectral")
        )
        return PatchDiscriminator(channels, **shape, negative_slope=slope, spectral=spectral, **shared)

    return {
        "generator_ab": generator(),
        "generator_ba": generator(),
        "discriminator_a": discriminator(),
        "discriminator_b": discriminator(),
    }
