"""Small, fast networks with spectral normalization and class projection."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan_lightning.networks.conditioning import ConditionalBatchNorm2d, given
from dcgan_lightning.networks.initialization import Initialization, initialize
from dcgan_lightning.networks.noise_generator import NoiseGenerator
from dcgan_lightning.networks.spectral import normalize_spectrally

IMAGE_SIZE = 28
START_SIZE = 7

Output = Literal["pixel_shuffle", "transposed", "resize"]
"""Upsampling from 14 x 14 to 28 x 28: convolution and pixel shuffle, transposed convolution, or
nearest-neighbour resizing and a convolution, which avoids checkerboard artefacts."""


class SNGANGenerator(NoiseGenerator):
    """Turn noise vectors and classes into images: 7 x 7 from a dense layer, then 14 x 14, then 28 x 28.

    Args:
        latent_dim: Length of a noise vector, >= 1.
        channels: Channels at 7 x 7 and at 14 x 14.
        image_channels: Channels of the image, 1 for grey.
        classes: Number of classes; 0: unconditional.
        output: Upsampling of the last layer (see `Output`).
        initialization: How the weights start (see `initialize`).
        generator: Source of the random numbers for the weights; PyTorch's default one if not given.

    Shape:
        z (N, latent_dim), standard normal in training, and labels (N,); images (N, image_channels, 28, 28) in
        [-1, 1]. In training mode N must be at least 2 (BatchNorm).

    Source:
        Radford et al. 2015, https://arxiv.org/abs/1511.06434, for the layers; Miyato and Koyama 2018,
        https://arxiv.org/abs/1802.05637, for the class conditioning; Shi et al. 2016,
        https://arxiv.org/abs/1609.05158, for the pixel shuffle.
    """

    def __init__(
        self,
        latent_dim: int = 64,
        channels: Sequence[int] = (96, 48),
        image_channels: int = 1,
        classes: int = 0,
        output: Output = "pixel_shuffle",
        initialization: Initialization = "glorot_uniform",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__(latent_dim, image_channels, classes, channels=list(channels), output=output)
        first, second = channels
        self.dense = nn.Linear(latent_dim, first * START_SIZE**2, bias=False)
        self.norm = ConditionalBatchNorm2d(first, classes)
        self.enlarge = nn.ConvTranspose2d(first, second, 4, stride=2, padding=1, bias=False)
        self.norm_1 = ConditionalBatchNorm2d(second, classes)
        self.enlarge_1 = _output(second, image_channels, output)
        initialize(self, initialization, generator)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return one image for each noise vector (shapes: see the class)."""
        features = self.dense(z).unflatten(1, (-1, START_SIZE, START_SIZE))
        features = F.relu(self.norm(features, labels))
        features = F.relu(self.norm_1(self.enlarge(features), labels))
        return torch.tanh(self.enlarge_1(features))


def _output(channels: int, image_channels: int, output: Output) -> nn.Module:
    if output == "transposed":
        return nn.ConvTranspose2d(channels, image_channels, 4, stride=2, padding=1)
    if output == "resize":
        return nn.Sequential(
            nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(channels, image_channels, 3, padding=1)
        )
    return nn.Sequential(nn.Conv2d(channels, 4 * image_channels, 3, padding=1), nn.PixelShuffle(2))


class SNGANDiscriminator(nn.Module):
    """Classify images as real or generated: sides of 28, 14, 7 and 4 pixels, then one logit, high for "real".

    Args:
        channels: Channels of the three convolutions.
        image_channels: Channels of the image, 1 for grey.
        classes: Number of classes; 0: unconditional.
        negative_slope: Slope of the leaky rectifiers for negative inputs, >= 0.
        spectral: Whether the weights are spectrally normalized (see `normalize_spectrally`).
        initialization: How the weights start (see `initialize`).
        generator: Source of the random numbers for the weights; PyTorch's default one if not given.

    Shape:
        images (N, image_channels, 28, 28) in [-1, 1] and labels (N,); logits (N,), unbounded.

    Source:
        Miyato et al. 2018, https://arxiv.org/abs/1802.05957, for spectral normalization; Miyato and Koyama
        2018, https://arxiv.org/abs/1802.05637, for the projection.
    """

    def __init__(
        self,
        channels: Sequence[int] = (32, 64, 128),
        image_channels: int = 1,
        classes: int = 0,
        negative_slope: float = 0.2,
        spectral: bool = True,
        initialization: Initialization = "glorot_uniform",
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        first, second, third = channels
        features = third * 4 * 4
        self.classes = classes
        self.negative_slope = negative_slope
        self.convolution = nn.Conv2d(image_channels, first, 4, stride=2, padding=1)  # (N, 32, 14, 14)
        self.convolution_1 = nn.Conv2d(first, second, 4, stride=2, padding=1)  # (N, 64, 7, 7)
        self.convolution_2 = nn.Conv2d(second, third, 3, stride=2, padding=1)  # (N, 128, 4, 4)
        self.dense = nn.Linear(features, 1)
        self.projection = nn.Embedding(classes, features) if classes else None
        initialize(self, initialization, generator)
        if self.projection is not None:
            nn.init.normal_(self.projection.weight, 0.0, 0.02, generator=generator)
        if spectral:
            normalize_spectrally(self, generator)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return one logit for each image (shapes: see the class)."""
        features = images
        for convolution in (self.convolution, self.convolution_1, self.convolution_2):
            features = F.leaky_relu(convolution(features), self.negative_slope)
        features = features.flatten(1)
        logits: Tensor = self.dense(features).squeeze(1)
        if self.projection is not None:
            logits = logits + (self.projection(given(labels)) * features).sum(1)
        return logits


def build(
    settings: Mapping[str, Any], weights: torch.Generator | None = None
) -> tuple[SNGANGenerator, SNGANDiscriminator]:
    """Return the networks of a `dcgan_lightning.systems.SNGAN`.

    Args:
        settings: The system's arguments.
        weights: Source of the random numbers for the weights; PyTorch's default one if not given.
    """
    shared = {
        "image_channels": settings["image_channels"],
        "classes": settings["classes"],
        "initialization": settings["initialization"],
        "generator": weights,
    }
    generator = SNGANGenerator(
        settings["latent_dim"], settings["generator_channels"], output=settings["output"], **shared
    )
    discriminator = SNGANDiscriminator(
        settings["discriminator_channels"],
        negative_slope=settings["negative_slope"],
        spectral=settings["spectral"],
        **shared,
    )
    # In this layout the discriminator's convolutions are faster on a CPU; the values are the same.
    discriminator.to(memory_format=torch.channels_last)
    return generator, discriminator
