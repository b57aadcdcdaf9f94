"""The notebook's discriminator: a 28 x 28 image to one logit."""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dcgan_lightning.kernels.choose import FastPaths
from dcgan_lightning.networks.initialization import Initialization, initialize
from dcgan_lightning.networks.layers import Dropout, SameConv2d

IMAGE_SIZE = 28


class Discriminator(nn.Module):
    """Judge images: 28 x 28 to 14 x 14 to 7 x 7 to one logit, high for "real".

    Without arguments it is exactly the notebook's network with Keras' defaults: 212,865 parameters.

    Args:
        channels: Channels of the two convolutions, at 14 x 14 and 7 x 7.
        image_channels: Channels of the image, 1 for grey.
        negative_slope: Slope of the leaky rectifiers for negative inputs, >= 0.
        dropout: Share of activations dropped after each convolution in training, in [0, 1).
        initialization: How the weights start (see `initialize`).
        generator: Source of the random numbers for the weights; PyTorch's default one if not given.
        fast_paths: Whether convolutions and dropout take the ways of `dcgan_lightning.kernels`; "auto": where
            they were measured to win.

    Shape:
        images (N, image_channels, 28, 28) in [-1, 1]; logits (N,), unbounded.

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
    ) -> None:
        super().__init__()
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
                    image_channels, first, 5, stride=2, fast_paths=fast_paths
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

    def forward(self, images: Tensor) -> Tensor:
        """Return one logit for each image (shapes: see the class)."""
        logits: Tensor = self.layers(images)
        return logits.squeeze(1)
