"""Between bytes and the range the networks work in."""

import torch
from torch import Tensor

_LUMINANCE = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601


def normalize(images: Tensor) -> Tensor:
    """Map bytes 0..255 to float32 in [-1, 1]: (x - 127.5) / 127.5, as in the notebook.

    Only bytes are taken. The notebook ran this cell twice by accident and so fed its networks a constant
    image; here a second time is an error.

    Shape:
        Any; the result has the same.

    Raises:
        TypeError: The images are not uint8.
    """
    if images.dtype != torch.uint8:
        raise TypeError(f"only uint8 images can be normalised, and only once; got {images.dtype}")
    return images.float().sub_(127.5).div_(127.5)


def to_uint8(images: Tensor) -> Tensor:
    """Map [-1, 1] to bytes 0..255, rounding; what lies outside is clipped.

    The range is fixed. The notebook scaled every image to its own range, which hides a generator whose
    contrast collapses.
    """
    return (images.detach().float() * 127.5 + 127.5).round().clamp(0, 255).byte()


def luminance(image: Tensor) -> Tensor:
    """Return how bright each pixel of an image (3, H, W) is, (1, H, W); grey images stay as they are."""
    if len(image) == 1:
        return image
    return (image * torch.tensor(_LUMINANCE, device=image.device).view(3, 1, 1)).sum(0, keepdim=True)
