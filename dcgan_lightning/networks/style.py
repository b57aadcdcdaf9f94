"""A network that stylises images in one forward pass."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan_lightning.networks.cyclegan import ResidualBlock
from dcgan_lightning.networks.initialization import initialize
from dcgan_lightning.networks.masks import object_mask
from dcgan_lightning.networks.translator import Direction, ImageTranslator

DIRECTIONS = {"stylize": Direction("generator")}


class StyleNetwork(ImageTranslator):
    """Stylise enlarged images, which have enough pixels for a pattern.

    A convolutional network cannot draw a pattern onto a flat area, where all positions look the same. A
    further input is therefore the canvas: learned channels that differ between positions.

    Args:
        image_channels: Channels of the images, 1 for grey.
        image_size: Pixels a side of the images before they are enlarged.
        scale: Factor by which the sides are enlarged: 1, 2 or 4.
        channels: Channels at the images' original size and, for a scale of 2 or 4, after each doubling.
        blocks: Number of residual blocks, at the images' original size.
        canvas_channels: Channels of the canvas.
        keep_background: Leave black background unchanged (see `object_mask`).
        generator: Source of the random numbers for the weights; PyTorch's default one if not given.

    Shape:
        images (N, image_channels, S, S) in [-1, 1] with S = scale * image_size; output: same shape and range.

    Source:
        Johnson et al. 2016, https://arxiv.org/abs/1603.08155; instance normalization (Ulyanov et al. 2016,
        https://arxiv.org/abs/1607.08022), pixel shuffles (Shi et al. 2016,
        https://arxiv.org/abs/1609.05158).
    """

    def __init__(
        self,
        image_channels: int = 1,
        image_size: int = 28,
        scale: int = 4,
        channels: Sequence[int] = (32, 16, 8),
        blocks: int = 3,
        canvas_channels: int = 8,
        keep_background: bool = True,
        generator: torch.Generator | None = None,
    ) -> None:
        arguments = {"scale": scale, "channels": list(channels), "blocks": blocks}
        arguments |= {"canvas_channels": canvas_channels, "keep_background": keep_background}
        super().__init__(image_channels, image_size, **arguments)
        self.input_size = scale * image_size
        self.scale = scale
        self.keep_background = keep_background
        first, *finer = channels
        self.canvas = nn.Parameter(torch.empty(1, canvas_channels, image_size, image_size))
        self.shrink = nn.PixelUnshuffle(scale)
        self.start = nn.Sequential(
            nn.Conv2d(image_channels * scale**2 + canvas_channels, first, 3, padding=1, bias=False),
            nn.InstanceNorm2d(first, affine=True),
            nn.ReLU(),
        )
        self.blocks = nn.Sequential(*(ResidualBlock(first) for _ in range(blocks)))
        layers: list[nn.Module] = []
        for before, after in zip(channels, finer, strict=False):
            layers += [nn.Conv2d(before, 4 * after, 3, padding=1), nn.PixelShuffle(2), nn.ReLU()]
        self.enlarge = nn.Sequential(*layers)
        self.last = nn.Conv2d(channels[-1], image_channels, 5, padding=2)
        initialize(self, "glorot_uniform", generator)
        nn.init.normal_(self.canvas, generator=generator)

    def forward(self, images: Tensor) -> Tensor:
        """Return a stylised image for each image (shapes: see the class)."""
        features = torch.cat([self.shrink(images), self.canvas.expand(images.shape[0], -1, -1, -1)], dim=1)
        made = torch.tanh(self.last(self.enlarge(self.blocks(self.start(features)))))
        if not self.keep_background:
            return made
        return torch.lerp(images, made, object_mask(images, factor=self.scale))

    def inputs_of(self, images: Tensor) -> Tensor:
        """Return images enlarged by ``scale``.

        Args:
            images: (N, image_channels, image_size, image_size) in [-1, 1].

        Returns:
            (N, image_channels, scale * image_size, scale * image_size) in [-1, 1].
        """
        if self.scale == 1:
            return images
        return F.interpolate(images, scale_factor=self.scale, mode="bicubic", align_corners=False).clamp(
            -1, 1
        )


def build(settings: Mapping[str, Any], weights: torch.Generator | None = None) -> dict[str, nn.Module]:
    """Return the network of a `dcgan_lightning.systems.Style` by its attribute name.

    Args:
        settings: The system's arguments.
        weights: Source of the random numbers for the weights; PyTorch's default one if not given.
    """
    names = (
        "image_channels",
        "image_size",
        "scale",
        "channels",
        "blocks",
        "canvas_channels",
        "keep_background",
    )
    return {"generator": StyleNetwork(**{name: settings[name] for name in names}, generator=weights)}
