"""The notebook's networks, for images of 28 x 28 pixels and larger: a generator and a discriminator."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from dcgan_lightning.kernels.choose import FastPaths
from dcgan_lightning.networks.conditioning import append_one_hot
from dcgan_lightning.networks.freezing import FreezableDiscriminator
from dcgan_lightning.networks.initialization import Initialization, initialize
from dcgan_lightning.networks.layers import (
    Dense,
    Dropout,
    KerasBatchNorm1d,
    KerasBatchNorm2d,
    SameConv2d,
    SameConvTranspose2d,
)
from dcgan_lightning.networks.noise_generator import NoiseGenerator
from dcgan_lightning.networks.settings import prepared, shared_arguments
from dcgan_lightning.networks.sizes import count_doublings, fill_channels, start_size


class Generator(NoiseGenerator):
    """Turn noise vectors into images: 7 x 7 from a dense layer, then 14 x 14, then 28 x 28.

    Without arguments it is exactly the notebook's network with Keras' defaults: 2,305,472 trainable
    parameters and 25,472 BatchNorm statistics. Larger images have more layers of stride 2.

    Args:
        latent_dim: Length of a noise vector, >= 1.
        channels: Channels of the inner layers, at 7 x 7, 7 x 7 and 14 x 14. Larger images have one more layer
            for each doubling, with half the channels of the one before unless given.
        image_channels: Channels of the image, 1 for grey.
        negative_slope: Slope of the leaky rectifiers for negative inputs, >= 0.
        initialization: How the weights start (see `initialize`).
        generator: Source of the random numbers for the weights; PyTorch's default one if not given.
        fast_paths: Whether the convolutions use `dcgan_lightning.kernels`; "auto": where these were measured
            to be faster.
        classes: Number of classes; the class is appended to the noise vector (see `append_one_hot`). The
            notebook has none.
        image_size: Pixels a side: an integer of at most 8, multiplied by a power of 2.

    Shape:
        z (N, latent_dim), standard normal in training, and labels (N,), None without classes; images
        (N, image_channels, image_size, image_size) in [-1, 1]. In training mode N must be at least 2
        (BatchNorm).

    Raises:
        ValueError: A size is below 1 or not possible, or ``channels`` has too few or too many entries.

    Source:
        ``make_generator_model`` of the notebook; Radford et al. 2015, https://arxiv.org/abs/1511.06434.
    """

    def __init__(
        self,
        latent_dim: int = 100,
        channels: Sequence[int] = (256, 128, 64),
        image_channels: int = 1,
        negative_slope: float = 0.3,
        initialization: Initialization = "glorot_uniform",
        generator: torch.Generator | None = None,
        fast_paths: FastPaths = "auto",
        classes: int = 0,
        image_size: int = 28,
    ) -> None:
        if min(latent_dim, image_channels) < 1:
            raise ValueError(
                f"sizes must be at least 1, got latent_dim={latent_dim}, image_channels={image_channels}"
            )
        doublings, start = count_doublings(image_size), start_size(image_size)
        filled = fill_channels(channels, 3, 1 + doublings, 1 / 2)
        super().__init__(
            latent_dim=latent_dim,
            channels=list(channels),
            image_channels=image_channels,
            image_size=image_size,
            negative_slope=negative_slope,
            classes=classes,
        )

        def rectifier() -> nn.Module:
            return nn.LeakyReLU(negative_slope, inplace=True)  # the layer's input is not needed again

        def enlarge(few: int, many: int, stride: int) -> nn.Module:
            return SameConvTranspose2d(few, many, 5, stride, fast_paths)

        first, last = filled[0], filled[-1]
        features = first * start**2
        self.layers = nn.Sequential(
            OrderedDict[str, nn.Module](
                dense=Dense(latent_dim + classes, features, fast_paths),
                batch_normalization=KerasBatchNorm1d(features),
                leaky_re_lu=rectifier(),
                reshape=nn.Unflatten(1, (first, start, start)),  # (N, 256, 7, 7)
            )
        )
        # (N, 128, 7, 7), (N, 64, 14, 14), and so on
        for number, (before, after) in enumerate(pairwise(filled), 1):
            name = "conv2d_transpose" if number == 1 else f"conv2d_transpose_{number - 1}"
            self.layers.add_module(name, enlarge(before, after, stride=1 if number == 1 else 2))
            self.layers.add_module(f"batch_normalization_{number}", KerasBatchNorm2d(after))
            self.layers.add_module(f"leaky_re_lu_{number}", rectifier())
        self.layers.add_module(f"conv2d_transpose_{doublings}", enlarge(last, image_channels, stride=2))
        self.layers.add_module("tanh", nn.Tanh())  # (N, 1, 28, 28); part of the layer before it in Keras
        initialize(self, initialization, generator)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return one image for each noise vector (shapes: see the class)."""
        images: Tensor = self.layers(append_one_hot(z, labels, self.classes))
        return images


class Discriminator(FreezableDiscriminator):
    """Classify images as real or generated: 28 x 28 to 14 x 14 to 7 x 7 to one logit, high for "real".

    Without arguments it is exactly the notebook's network with Keras' defaults: 212,865 parameters. Larger
    images have more layers of stride 2.

    Args:
        channels: Channels of the convolutions, at 14 x 14 and 7 x 7. Larger images have one more layer for
            each halving, with twice the channels of the one before unless given.
        image_channels: Channels of the image, 1 for grey.
        negative_slope: Slope of the leaky rectifiers for negative inputs, >= 0.
        dropout: Share of activations dropped after each convolution in training, in [0, 1).
        initialization: How the weights start (see `initialize`).
        generator: Source of the random numbers for the weights; PyTorch's default one if not given.
        fast_paths: Whether convolutions and dropout use `dcgan_lightning.kernels`; "auto": where these were
            measured to be faster.
        classes: Number of classes; the class is appended to the image (see `append_one_hot`). The notebook
            has none.
        image_size: Pixels a side: an integer of at most 8, multiplied by a power of 2.

    Shape:
        images (N, image_channels, image_size, image_size) in [-1, 1] and labels (N,), None without classes;
        logits (N,), unbounded.

    Raises:
        ValueError: A size is below 1 or not possible, or ``channels`` has too few or too many entries.

    Source:
        ``make_discriminator_model`` of the notebook.
    """

    def __init__(
        self,
        channels: Sequence[int] = (64, 128),
        image_channels: int = 1,
        negative_slope: float = 0.3,
        dropout: float = 0.3,
        initialization: Initialization = "glorot_uniform",
        generator: torch.Generator | None = None,
        fast_paths: FastPaths = "auto",
        classes: int = 0,
        image_size: int = 28,
    ) -> None:
        super().__init__()
        self.classes = classes
        if image_channels < 1:
            raise ValueError(f"sizes must be at least 1, got image_channels={image_channels}")
        filled = fill_channels(channels, 2, count_doublings(image_size), 2)
        self.layers = nn.Sequential()
        # (N, 64, 14, 14), (N, 128, 7, 7), and so on
        for number, (before, after) in enumerate(pairwise([image_channels + classes, *filled])):
            ending = f"_{number}" if number else ""
            self.layers.add_module(
                f"conv2d{ending}", SameConv2d(before, after, 5, stride=2, fast_paths=fast_paths)
            )
            self.layers.add_module(f"leaky_re_lu{ending}", nn.LeakyReLU(negative_slope, inplace=True))
            self.layers.add_module(f"dropout{ending}", Dropout(dropout, fast_paths))
        self.layers.add_module("flatten", nn.Flatten())
        self.layers.add_module("dense", nn.Linear(filled[-1] * start_size(image_size) ** 2, 1))
        initialize(self, initialization, generator)

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return one logit for each image (shapes: see the class)."""
        logits: Tensor = self.layers(append_one_hot(images, labels, self.classes))
        return logits.squeeze(1)


def build(
    settings: Mapping[str, Any], weights: torch.Generator | None = None
) -> tuple[Generator, Discriminator]:
    """Return the networks of a `dcgan_lightning.systems.DCGAN`.

    Args:
        settings: The system's arguments; ``classes`` and ``image_size`` may be missing, as in older
            checkpoints.
        weights: Source of the random numbers for the weights; PyTorch's default one if not given.
    """
    shared = shared_arguments(settings, weights, "negative_slope", "fast_paths")
    generator = Generator(settings["latent_dim"], settings["generator_channels"], **shared)
    discriminator = Discriminator(settings["discriminator_channels"], dropout=settings["dropout"], **shared)
    return generator, prepared(discriminator, settings)
