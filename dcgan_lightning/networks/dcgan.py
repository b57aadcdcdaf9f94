"""The notebook's networks: a generator of 28 x 28 images, and a discriminator with one logit per image."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from dcgan_lightning.kernels.choose import FastPaths
from dcgan_lightning.networks.conditioning import append_one_hot
from dcgan_lightning.networks.initialization import Initialization, initialize
from dcgan_lightning.networks.layers import (
    Dropout,
    KerasBatchNorm1d,
    KerasBatchNorm2d,
    SameConv2d,
    SameConvTranspose2d,
)
from dcgan_lightning.networks.noise_generator import NoiseGenerator

IMAGE_SIZE = 28
START_SIZE = 7  # pixels a side after the dense layer; two layers of stride 2 make it 28


class Generator(NoiseGenerator):
    """Turn noise vectors into images: 7 x 7 from a dense layer, then 14 x 14, then 28 x 28.

    Without arguments it is exactly the notebook's network with Keras' defaults: 2,305,472 trainable
    parameters and 25,472 BatchNorm statistics.

    Args:
        latent_dim: Length of a noise vector, >= 1.
        channels: Channels of the three inner layers, at 7 x 7, 7 x 7 and 14 x 14.
        image_channels: Channels of the image, 1 for grey.
        negative_slope: Slope of the leaky rectifiers for negative inputs, >= 0.
        initialization: How the weights start (see `initialize`).
        generator: Source of the random numbers for the weights; PyTorch's default one if not given.
        fast_paths: Whether the convolutions use `dcgan_lightning.kernels`; "auto": where these were measured
            to be faster.
        classes: Number of classes; the class is appended to the noise vector (see `append_one_hot`). The
            notebook has none.

    Shape:
        z (N, latent_dim), standard normal in training, and labels (N,), None without classes; images
        (N, image_channels, 28, 28) in [-1, 1]. In training mode N must be at least 2 (BatchNorm).

    Raises:
        ValueError: A size is below 1, or ``channels`` does not have three entries.

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
    ) -> None:
        if len(channels) != 3:
            raise ValueError(f"channels must have 3 entries, got {list(channels)}")
        if min(latent_dim, image_channels, *channels) < 1:
            raise ValueError(
                f"sizes must be at least 1, got latent_dim={latent_dim}, channels={list(channels)}, "
                f"image_channels={image_channels}"
            )
        super().__init__(
            latent_dim=latent_dim,
            channels=list(channels),
            image_channels=image_channels,
            negative_slope=negative_slope,
            classes=classes,
        )
        first, second, third = channels

        def rectifier() -> nn.Module:
            return nn.LeakyReLU(negative_slope, inplace=True)  # the layer's input is not needed again

        start = (first, START_SIZE, START_SIZE)
        features = first * START_SIZE**2
        self.layers = nn.Sequential(
            OrderedDict[str, nn.Module](
                dense=nn.Linear(latent_dim + classes, features, bias=False),
                batch_normalization=KerasBatchNorm1d(features),
                leaky_re_lu=rectifier(),
                reshape=nn.Unflatten(1, start),  # (N, 256, 7, 7)
                conv2d_transpose=SameConvTranspose2d(
                    first, second, 5, stride=1, fast_paths=fast_paths
                ),  # (N, 128, 7, 7)
                batch_normalization_1=KerasBatchNorm2d(second),
                leaky_re_lu_1=rectifier(),
                conv2d_transpose_1=SameConvTranspose2d(
                    second, third, 5, stride=2, fast_paths=fast_paths
                ),  # (N, 64, 14, 14)
                batch_normalization_2=KerasBatchNorm2d(third),
                leaky_re_lu_2=rectifier(),
                conv2d_transpose_2=SameConvTranspose2d(
                    third, image_channels, 5, stride=2, fast_paths=fast_paths
                ),
                tanh=nn.Tanh(),  # (N, 1, 28, 28); part of the layer before it in Keras
            )
        )
        initialize(self, initialization, generator)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return one image for each noise vector (shapes: see the class)."""
        images: Tensor = self.layers(append_one_hot(z, labels, self.classes))
        return images


class Discriminator(nn.Module):
    """Classify images as real or generated: 28 x 28 to 14 x 14 to 7 x 7 to one logit, high for "real".

    Without arguments it is exactly the notebook's network with Keras' defaults: 212,865 parameters.

    Args:
        channels: Channels of the two convolutions, at 14 x 14 and 7 x 7.
        image_channels: Channels of the image, 1 for grey.
        negative_slope: Slope of the leaky rectifiers for negative inputs, >= 0.
        dropout: Share of activations dropped after each convolution in training, in [0, 1).
        initialization: How the weights start (see `initialize`).
        generator: Source of the random numbers for the weights; PyTorch's default one if not given.
        fast_paths: Whether convolutions and dropout use `dcgan_lightning.kernels`; "auto": where these were
            measured to be faster.
        classes: Number of classes; the class is appended to the image (see `append_one_hot`). The notebook
            has none.

    Shape:
        images (N, image_channels, 28, 28) in [-1, 1] and labels (N,), None without classes; logits (N,),
        unbounded.

    Raises:
        ValueError: A size is below 1, or ``channels`` does not have two entries.

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
    ) -> None:
        super().__init__()
        self.classes = classes
        if len(channels) != 2:
            raise ValueError(f"channels must have 2 entries, got {list(channels)}")
        if min(image_channels, *channels) < 1:
            raise ValueError(
                f"sizes must be at least 1, got channels={list(channels)}, image_channels={image_channels}"
            )
        first, second = channels
        self.layers = nn.Sequential(
            OrderedDict[str, nn.Module](
                conv2d=SameConv2d(
                    image_channels + classes, first, 5, stride=2, fast_paths=fast_paths
                ),  # (N, 64, 14, 14)
                leaky_re_lu=nn.LeakyReLU(negative_slope, inplace=True),
                dropout=Dropout(dropout, fast_paths),
                conv2d_1=SameConv2d(first, second, 5, stride=2, fast_paths=fast_paths),  # (N, 128, 7, 7)
                leaky_re_lu_1=nn.LeakyReLU(negative_slope, inplace=True),
                dropout_1=Dropout(dropout, fast_paths),
                flatten=nn.Flatten(),
                dense=nn.Linear(second * (IMAGE_SIZE // 4) ** 2, 1),
            )
        )
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
        settings: The system's arguments; ``classes`` may be missing, as in older checkpoints.
        weights: Source of the random numbers for the weights; PyTorch's default one if not given.
    """
    shared = {
        "image_channels": settings["image_channels"],
        "negative_slope": settings["negative_slope"],
        "initialization": settings["initialization"],
        "generator": weights,
        "fast_paths": settings["fast_paths"],
        "classes": settings.get("classes", 0),
    }
    generator = Generator(settings["latent_dim"], settings["generator_channels"], **shared)
    discriminator = Discriminator(settings["discriminator_channels"], dropout=settings["dropout"], **shared)
    # In this layout the discriminator's convolutions are 20 % faster on a CPU; the values are the same.
    discriminator.to(memory_format=torch.channels_last)
    return generator, discriminator
