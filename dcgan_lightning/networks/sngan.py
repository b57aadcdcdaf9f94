"""Small, fast networks with spectral normalization and class projection."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan_lightning.kernels.choose import FastPaths
from dcgan_lightning.networks.conditioning import ConditionalBatchNorm2d, given
from dcgan_lightning.networks.freezing import FreezableDiscriminator
from dcgan_lightning.networks.initialization import Initialization, initialize
from dcgan_lightning.networks.layers import Dense, PixelConv2d
from dcgan_lightning.networks.noise_generator import NoiseGenerator
from dcgan_lightning.networks.settings import prepared, shared_arguments
from dcgan_lightning.networks.sizes import count_doublings, fill_channels, start_size
from dcgan_lightning.networks.spectral import normalize_spectrally

Output = Literal["pixel_shuffle", "transposed", "resize"]
"""The last upsampling, as from 14 x 14 to 28 x 28: convolution and pixel shuffle, transposed convolution, or
nearest-neighbour resizing and a convolution, which avoids checkerboard artefacts."""


class SNGANGenerator(NoiseGenerator):
    """Turn noise vectors and classes into images: 7 x 7 from a dense layer, then 14 x 14, then 28 x 28.

    Args:
        latent_dim: Length of a noise vector, >= 1.
        channels: Channels at 7 x 7 and at 14 x 14. Larger images have one more layer for each doubling, with
            half the channels of the one before unless given.
        image_channels: Channels of the image, 1 for grey.
        classes: Number of classes; 0: unconditional.
        output: Upsampling of the last layer (see `Output`).
        initialization: How the weights start (see `initialize`).
        generator: Source of the random numbers for the weights; PyTorch's default one if not given.
        image_size: Pixels a side: an integer of at most 8, multiplied by a power of 2.
        fast_paths: Whether to use `dcgan_lightning.kernels`; "auto": where these were measured to be faster.

    Shape:
        z (N, latent_dim), standard normal in training, and labels (N,); images (N, image_channels,
        image_size, image_size) in [-1, 1]. In training mode N must be at least 2 (BatchNorm).

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
        image_size: int = 28,
        fast_paths: FastPaths = "auto",
    ) -> None:
        super().__init__(
            latent_dim, image_channels, image_size, classes, channels=list(channels), output=output
        )
        self.start_size, self.doublings = start_size(image_size), count_doublings(image_size)
        filled = fill_channels(channels, 2, self.doublings, 1 / 2)
        self.dense = Dense(latent_dim, filled[0] * self.start_size**2, fast_paths)
        self.norm = ConditionalBatchNorm2d(filled[0], classes)
        for number, (before, after) in enumerate(pairwise(filled)):
            self.add_module(
                _numbered("enlarge", number), nn.ConvTranspose2d(before, after, 4, 2, padding=1, bias=False)
            )
            self.add_module(_numbered("norm", number + 1), ConditionalBatchNorm2d(after, classes))
        last = _numbered("enlarge", self.doublings - 1)
        self.add_module(last, _output(filled[-1], image_channels, output))
        initialize(self, initialization, generator)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return one image for each noise vector (shapes: see the class)."""
        features = self.dense(z).unflatten(1, (-1, self.start_size, self.start_size))
        # In this layout convolutions and BatchNorm are faster on a CPU.
        features = features.contiguous(memory_format=torch.channels_last)
        for number in range(self.doublings):
            norm, enlarge = (self.get_submodule(_numbered(name, number)) for name in ("norm", "enlarge"))
            features = enlarge(F.relu(norm(features, labels)))
        return torch.tanh(features)


def _numbered(name: str, number: int) -> str:
    """Return the name of a layer among others of its kind; the first one has no number."""
    return f"{name}_{number}" if number else name


def _output(channels: int, image_channels: int, output: Output) -> nn.Module:
    if output == "transposed":
        return nn.ConvTranspose2d(channels, image_channels, 4, stride=2, padding=1)
    if output == "resize":
        return nn.Sequential(
            nn.Upsample(scale_factor=2, mode="nearest"), nn.Conv2d(channels, image_channels, 3, padding=1)
        )
    return nn.Sequential(nn.Conv2d(channels, 4 * image_channels, 3, padding=1), nn.PixelShuffle(2))


class SNGANDiscriminator(FreezableDiscriminator):
    """Classify images as real or generated: sides of 28, 14, 7 and 4 pixels, then one logit, high for "real".

    Args:
        channels: Channels of the convolutions. Larger images have one more layer for each halving, with twice
            the channels of the one before unless given.
        image_channels: Channels of the image, 1 for grey.
        classes: Number of classes; 0: unconditional.
        negative_slope: Slope of the leaky rectifiers for negative inputs, >= 0.
        spectral: Whether the weights are spectrally normalized (see `normalize_spectrally`).
        initialization: How the weights start (see `initialize`).
        generator: Source of the random numbers for the weights; PyTorch's default one if not given.
        image_size: Pixels a side: an integer of at most 8, multiplied by a power of 2.
        fast_paths: Whether to use `dcgan_lightning.kernels`; "auto": where these were measured to be faster.

    Shape:
        images (N, image_channels, image_size, image_size) in [-1, 1] and labels (N,); logits (N,), unbounded.

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
        image_size: int = 28,
        fast_paths: FastPaths = "auto",
    ) -> None:
        super().__init__()
        self.halvings = count_doublings(image_size)
        filled = fill_channels(channels, 3, self.halvings + 1, 2)
        self.classes = classes
        self.negative_slope = negative_slope
        # (N, 32, 14, 14), (N, 64, 7, 7) and so on
        self.convolution: nn.Conv2d = PixelConv2d((image_channels, filled[0]), 4, 2, 1, fast_paths)
        for number, (before, after) in enumerate(pairwise(filled[:-1]), 1):
            self.add_module(_numbered("convolution", number), nn.Conv2d(before, after, 4, 2, padding=1))
        last = _numbered("convolution", self.halvings)  # (N, 128, 4, 4)
        self.add_module(last, nn.Conv2d(filled[-2], filled[-1], 3, stride=2, padding=1))
        features = filled[-1] * ((start_size(image_size) + 1) // 2) ** 2
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
        for number in range(self.halvings + 1):
            convolution = self.get_submodule(_numbered("convolution", number))
            features = convolution(features)
            if number == self.halvings:
                features = features.flatten(1)  # first, so that the activation's gradient has one layout
            features = F.leaky_relu(features, self.negative_slope)
        logits: Tensor = self.dense(features).squeeze(1)
        if self.projection is not None:
            of_classes = F.linear(features, self.projection.weight)  # its gradient is faster than a table's
            logits = logits + of_classes.gather(1, given(labels)[:, None]).squeeze(1)
        return logits


def build(
    settings: Mapping[str, Any], weights: torch.Generator | None = None
) -> tuple[SNGANGenerator, SNGANDiscriminator]:
    """Return the networks of a `dcgan_lightning.systems.SNGAN`.

    Args:
        settings: The system's arguments; ``image_size`` may be missing, as in older checkpoints.
        weights: Source of the random numbers for the weights; PyTorch's default one if not given.
    """
    shared = shared_arguments(settings, weights, "fast_paths")
    generator = SNGANGenerator(
        settings["latent_dim"], settings["generator_channels"], output=settings["output"], **shared
    )
    discriminator = SNGANDiscriminator(
        settings["discriminator_channels"],
        negative_slope=settings["negative_slope"],
        spectral=settings["spectral"],
        **shared,
    )
    return generator, prepared(discriminator, settings)
