"""The convolutional layers of VGG-19, with weights from torchvision's file."""

import hashlib
from pathlib import Path

import torch
from torch import Tensor, nn

from dcgan_lightning.core.errors import WeightsError
from dcgan_lightning.core.regular_files import read_file

FILE_NAME = "vgg19-dcbb9e9d.pth"  # its second part is the start of the file's SHA-256
DIGEST = "dcbb9e9d"
_BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))  # channels and convolutions
STYLE_LAYERS = ("1_1", "2_1", "3_1", "4_1", "5_1")
CONTENT_LAYER = "4_2"
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's colours, range [0, 1]


class VGG19(nn.Module):
    """VGG-19 without its classifier and with average pooling, as used by Gatys et al. 2016.

    Source:
        Simonyan and Zisserman 2015, https://arxiv.org/abs/1409.1556, column E.
    """

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []  # in torchvision's order, so that the names of the weights match
        self.names: dict[int, str] = {}
        channels = 3
        for block, (wide, count) in enumerate(_BLOCKS, start=1):
            for number in range(1, count + 1):
                layers += [nn.Conv2d(channels, wide, kernel_size=3, padding=1), nn.ReLU()]
                self.names[len(layers) - 1] = f"{block}_{number}"
                channels = wide
            layers.append(nn.AvgPool2d(2, ceil_mode=True))
        self.features = nn.Sequential(*layers)

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return the rectified activations by layer name, such as "4_2", up to the last of `STYLE_LAYERS`.

        Args:
            images: (N, 1 or 3, H, W) in [-1, 1].

        Returns:
            (N, C, h, w) for each layer, >= 0.
        """
        mean, deviation = (
            torch.tensor(numbers, device=images.device).view(3, 1, 1) for numbers in (_MEAN, _DEVIATION)
        )
        values = ((images.expand(-1, 3, -1, -1) + 1) / 2 - mean) / deviation
        found = {}
        for index, layer in enumerate(self.features):
            values = layer(values)
            if index in self.names:
                found[self.names[index]] = values
                if self.names[index] == STYLE_LAYERS[-1]:
                    break
        return found


def load_vgg19(path: Path | str) -> tuple[VGG19, str]:
    """Return the network with torchvision's weights, frozen, and the SHA-256 of the weights' file.

    Args:
        path: The file ``vgg19-dcbb9e9d.pth``; it may have another name.

    Raises:
        WeightsError: The file is missing, or its contents are not torchvision's.
    """
    try:
        content = read_file(path)
    except OSError as error:
        raise WeightsError(
            f"weights={path} cannot be read ({error.strerror or error}); give torchvision's {FILE_NAME}"
        ) from error
    digest = hashlib.sha256(content).hexdigest()
    if not digest.startswith(DIGEST):
        raise WeightsError(
            f"weights={path} is not torchvision's {FILE_NAME}: its SHA-256 starts with "
            f"{digest[: len(DIGEST)]}, expected {DIGEST}; download the file again"
        )
    del content
    state = torch.load(path, map_location="cpu", weights_only=True)
    with torch.device("meta"):
        network = VGG19()
    network.load_state_dict(
        {name: value for name, value in state.items() if name.startswith("features.")}, assign=True
    )
    return network.eval().requires_grad_(False), digest
