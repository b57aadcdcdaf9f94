"""Pix2Pix's networks: a U-Net, and a discriminator of patches of image pairs."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan_lightning.networks.initialization import Initialization, initialize
from dcgan_lightning.networks.spectral import normalize_spectrally
from dcgan_lightning.networks.tasks import TASKS
from dcgan_lightning.networks.translator import Direction, ImageTranslator

DIRECTIONS = {"to_image": Direction("generator")}


class UNet(ImageTranslator):
    """Halve the image's sides a few times, then double them again, with a skip connection at each resolution.

    Dropout is the only source of noise, as in the paper, which finds that the images vary little with it. It
    can be enabled outside of training (``noisy``). Upsampling is by nearest-neighbour resizing and a
    convolution, which avoids checkerboard artefacts.

    Args:
        image_channels: Channels of the images, 1 for grey.
        image_size: Pixels a side, a multiple of 2 ** (number of channels - 1).
        channels: Channels at 1/2 of the side, 1/4 and so on; the last two entries are at the same, lowest
            resolution.
        dropout: Share of the activations dropped at the lowest resolution, in [0, 1).
        task: Name of the function that makes inputs from real images, one of `TASKS`.
        initialization: How the weights start (see `initialize`).
        generator: Source of the random numbers for the weights; PyTorch's default one if not given.

    Shape:
        (N, image_channels, image_size, image_size) in [-1, 1]; output: same shape and range. In training mode
        N must be at least 2 (BatchNorm).

    Source:
        Isola et al. 2017, https://arxiv.org/abs/1611.07004, section 3.2; Odena et al. 2016,
        https://doi.org/10.23915/distill.00003, for resizing.
    """

    def __init__(
        self,
        image_channels: int = 1,
        image_size: int = 28,
        channels: Sequence[int] = (32, 64, 96),
        dropout: float = 0.5,
        task: str = "edges",
        initialization: Initialization = "glorot_uniform",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(image_channels, image_size, channels=list(channels), dropout=dropout, task=task)
        *sizes, inner = channels
        self.task = TASKS[task]
        self.dropout = dropout
        before = [image_channels, *sizes[:-1]]
        self.down = nn.ModuleList(_halving(few, many) for few, many in zip(before, sizes, strict=True))
        self.middle = nn.Sequential(
            nn.Conv2d(sizes[-1], inner, 3, padding=1, bias=False), nn.BatchNorm2d(inner), nn.ReLU()
        )
        after = [inner, *sizes[:0:-1]]
        self.up = nn.ModuleList(
            _widening(below + skip, skip) for below, skip in zip(after, sizes[::-1], strict=True)
        )
        self.output = nn.Conv2d(sizes[0] + image_channels, image_channels, 3, padding=1)
        initialize(self, initialization, generator)

    def forward(self, images: Tensor) -> Tensor:
        """Return one image for each input (shapes: see the class)."""
        features, skipped = images, [images]
        for layer in self.down:
            features = layer(features)
            skipped.append(features)
        features = F.dropout(self.middle(features), self.dropout, self.training or self.noisy)
        for layer in self.up:
            features = layer(torch.cat([features, skipped.pop()], 1))
            features = F.interpolate(features, scale_factor=2.0, mode="nearest")
        return torch.tanh(self.output(torch.cat([features, skipped.pop()], 1)))

    def inputs_of(self, images: Tensor) -> Tensor:
        """Return the task's inputs for real images (see `ImageTranslator.inputs_of`)."""
        return self.task(images)


def _halving(channels: int, more: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, more, 4, stride=2, padding=1, bias=False), nn.BatchNorm2d(more), nn.LeakyReLU(0.2)
    )


def _widening(channels: int, fewer: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(channels, fewer, 3, padding=1, bias=False), nn.BatchNorm2d(fewer), nn.ReLU()
    )


class PairDiscriminator(nn.Module):
    """Classify patches of an image as real or generated, given the input it belongs to.

    Args:
        image_channels: Channels of the images, 1 for grey.
        channels: Channels after each halving of the sides; with two entries, a patch is 10 x 10 pixels.
        spectral: Whether the weights are spectrally normalized (see `normalize_spectrally`).
        initialization: How the weights start (see `initialize`).
        generator: Source of the random numbers for the weights; PyTorch's default one if not given.

    Shape:
        inputs and images (N, image_channels, H, W) in [-1, 1]; logits (N * patches,), unbounded.

    Source:
        Isola et al. 2017, https://arxiv.org/abs/1611.07004, section 3.2.2.
    """

    def __init__(
        self,
        image_channels: int = 1,
        channels: Sequence[int] = (32, 64),
        spectral: bool = True,
        initialization: Initialization = "glorot_uniform",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 2 * image_channels
        for more in channels:
            layers += [nn.Conv2d(before, more, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
            before = more
        self.layers = nn.Sequential(
            *layers, nn.Conv2d(before, before, 1), nn.LeakyReLU(0.2), nn.Conv2d(before, 1, 1)
        )
        initialize(self, initialization, generator)
        if spectral:
            normalize_spectrally(self, generator)

    def forward(self, inputs: Tensor, images: Tensor) -> Tensor:
        """Return one logit per patch (shapes: see the class)."""
        logits: Tensor = self.layers(torch.cat([inputs, images], 1))
        return logits.flatten()


def build(settings: Mapping[str, Any], weights: torch.Generator | None = None) -> dict[str, nn.Module]:
    """Return the networks of a `dcgan_lightning.systems.Pix2Pix` by their attribute names.

    Args:
        settings: The system's arguments.
        weights: Source of the random numbers for the weights; PyTorch's default one if not given.
    """
    shared = {
        "image_channels": settings["image_channels"],
        "initialization": settings["initialization"],
        "generator": weights,
    }
    return {
        "generator": UNet(
            image_size=settings["image_size"],
            channels=settings["generator_channels"],
            dropout=settings["dropout"],
            task=settings["task"],
            **shared,
        ),
        "discriminator": PairDiscriminator(
            channels=settings["discriminator_channels"], spectral=settings["spectral"], **shared
        ),
    }
