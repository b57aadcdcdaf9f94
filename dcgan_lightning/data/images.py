"""Checks of training images."""

import torch
from torch import Tensor

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.core.pixels import normalize

IMAGE_SIZE = 28
_LOOKED_AT = 10_000 * 28 * 28  # bytes of the images that are looked at for their spread
MINIMUM_SPREAD = 0.1  # standard deviation in [-1, 1]: Fashion-MNIST 0.71, normalised twice by mistake 0.006


def check_images(images: Tensor, source: str, size: int = IMAGE_SIZE) -> None:
    """Refuse invalid training images.

    Args:
        images: uint8 (N, C, size, size).
        source: Origin of the images, for the message.
        size: Pixels a side.

    Raises:
        DataError: The type or shape is wrong, there are no images, or they are nearly constant.
    """
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[-2:] != (size, size):
        raise DataError(
            f"{source}: expected uint8 images of {size} x {size} pixels, "
            f"got {images.dtype} {tuple(images.shape)}"
        )
    if len(images) == 0:
        raise DataError(f"{source}: holds no images")
    some = images[: max(1, _LOOKED_AT // images[0].numel())]
    spread = float(normalize(some).std()) if some.numel() > 1 else 0.0
    if not spread > MINIMUM_SPREAD:
        raise DataError(
            f"{source}: the images are (nearly) constant: standard deviation {spread:.4f} in [-1, 1], "
            f"expected above {MINIMUM_SPREAD}; check the files"
        )
