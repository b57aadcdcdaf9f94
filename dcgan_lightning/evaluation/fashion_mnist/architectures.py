"""Architectures of the classifiers: the layers from the image to the features, without the last one.

For grey images of 28 x 28 pixels they are those of the shipped classifiers.
"""

from typing import Literal, get_args

from torch import Tensor, nn
from torch.nn import functional as F

Architecture = Literal["convolutional", "residual"]

GARMENT_SHAPE = (1, 28, 28)  # (C, H, W) of the shipped classifiers' images
_LARGEST_SIDE = 8  # pixels of the last feature maps of the convolutional architecture

# Layers in words, for the model cards.
LAYERS = {
    "convolutional": "3 x 3 convolutions 1-32-64, each with ReLU and 2 x 2 max-pooling; dense 3136-128, "
    "ReLU, dropout; dense 128-10",
    "residual": "3 x 3 convolution 1-32 with BatchNorm, ReLU and 2 x 2 max-pooling; residual blocks of two "
    "3 x 3 convolutions with BatchNorm, 32-32, 32-64 and 64-96, the last two with stride 2; mean over the "
    "pixels, dropout; dense 96-10",
}


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with BatchNorm, added to their input.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        stride: 2 halves each side, rounded up. With a stride or other channels, a 1 x 1 convolution adapts
            the input.

    Shape:
        (N, in_channels, S, S) to (N, out_channels, S / stride, S / stride), at least 0.

    Source:
        He et al. 2016, https://arxiv.org/abs/1512.03385.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(),
            nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        """Return the rectified sum of the convolutions and the shortcut."""
        return F.relu(self.convolutions(images) + self.shortcut(images))


def build_trunk(
    architecture: Architecture, shape: tuple[int, int, int] = GARMENT_SHAPE
) -> tuple[nn.Sequential, int]:
    """Return the layers from the image to the features, and the number of features.

    Args:
        architecture: Name of the architecture.
        shape: Shape (C, H, W) of the images.

    Shape:
        (N, C, H, W) in [-1, 1] to (N, features), at least 0.

    Raises:
        ValueError: The architecture is unknown.
    """
    if architecture == "convolutional":
        return _convolutional(shape), 128
    if architecture == "residual":
        return _residual(shape[0]), 96
    raise ValueError(f"architecture must be one of {', '.join(get_args(Architecture))}; got {architecture!r}")


def _convolutional(shape: tuple[int, int, int]) -> nn.Sequential:
    """Return convolutions with pooling until a side has at most 8 pixels: two for 28 x 28 pixels."""
    channels, height, width = shape
    layers = nn.Sequential()
    widths = [channels, 32]
    while max(height, width) > _LARGEST_SIDE:
        layers.extend(
            [nn.Conv2d(widths[-2], widths[-1], kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        )
        height, width = height // 2, width // 2
        widths.append(64)
    layers.extend([nn.Flatten(), nn.Linear(widths[-2] * height * width, 128), nn.ReLU()])
    return layers


def _residual(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, 32, kernel_size=3, padding=1, bias=False),
        nn.BatchNorm2d(32),
        nn.ReLU(),
        nn.MaxPool2d(2),  # (N, 32, 14, 14)
        ResidualBlock(32, 32),
        ResidualBlock(32, 64, stride=2),  # (N, 64, 7, 7)
        ResidualBlock(64, 96, stride=2),  # (N, 96, 4, 4)
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )
