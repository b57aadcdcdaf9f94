"""Differentiable augmentation of the discriminator's input images.

Real and generated images are augmented alike, so the generator still learns the distribution of unaugmented
images, and the discriminator is less able to memorise the training images. Images are not mirrored: in
Fashion-MNIST all shoes point to the left.

Source:
    Zhao et al. 2020, https://arxiv.org/abs/2006.10738 (DiffAugment).
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

_BLACK = -1.0
_SHIFT = 8  # an image moves by at most 1/8 of its side
_HOLE = 2  # a hole is half as wide as the image


def translate(images: Tensor) -> Tensor:
    """Shift each image by up to 1/8 of its side along both axes and fill the border with black.

    Args:
        images: (N, C, H, W) in [-1, 1].

    Returns:
        The same shape and range.
    """
    height, width = images.shape[2:]
    up, left = height // _SHIFT, width // _SHIFT
    padded = F.pad(images, (left, left, up, up), value=_BLACK)
    rows = _starts(images, 2 * up + 1) + torch.arange(height, device=images.device)
    columns = _starts(images, 2 * left + 1) + torch.arange(width, device=images.device)
    image = torch.arange(len(images), device=images.device).view(-1, 1, 1)
    moved = padded.movedim(1, -1)[image, rows.unsqueeze(2), columns.unsqueeze(1)]
    return moved.movedim(-1, 1)


def cut_out(images: Tensor) -> Tensor:
    """Fill a square of half the image's side, at a random position, with mid-grey (0).

    Part of the square may lie outside the image.

    Args:
        images: (N, C, H, W) in [-1, 1].

    Returns:
        The same shape and range.
    """
    height, width = images.shape[2:]
    rows = torch.arange(height, device=images.device) - _starts(images, height) + height // (2 * _HOLE)
    columns = torch.arange(width, device=images.device) - _starts(images, width) + width // (2 * _HOLE)
    hit_rows, hit_columns = (
        (part >= 0) & (part < size // _HOLE) for part, size in ((rows, height), (columns, width))
    )
    hole = hit_rows.unsqueeze(2) & hit_columns.unsqueeze(1)
    return images * ~hole.unsqueeze(1)


def change_grey(images: Tensor) -> Tensor:
    """Shift each image's brightness by up to a quarter of the range and scale its contrast by 0.5 to 1.5.

    Args:
        images: (N, C, H, W) in [-1, 1].

    Returns:
        The same shape; values may exceed [-1, 1].
    """
    shift, scale = torch.rand(2, len(images), 1, 1, 1, device=images.device, dtype=images.dtype)
    mean = images.mean((1, 2, 3), keepdim=True)
    return (images - mean) * (scale + 0.5) + mean + (shift - 0.5)


def _starts(images: Tensor, choices: int) -> Tensor:
    """Return a random integer in [0, choices) for each image, (N, 1)."""
    return torch.randint(choices, (len(images), 1), device=images.device)


AUGMENTATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "translation": translate,
    "cutout": cut_out,
    "grey": change_grey,
}


def augment(images: Tensor, names: Sequence[str], probability: float = 1.0) -> Tensor:
    """Apply the named augmentations in order.

    Args:
        images: (N, C, H, W) in [-1, 1].
        names: Names from `AUGMENTATIONS`; an empty sequence returns the images unchanged.
        probability: Probability of each augmentation for each image, in (0, 1] (Karras et al. 2020,
            https://arxiv.org/abs/2006.06676).

    Returns:
        (N, C, H, W); "grey" may exceed [-1, 1].
    """
    for name in names:
        changed = AUGMENTATIONS[name](images)
        if probability < 1:
            chosen = torch.rand(len(images), 1, 1, 1, device=images.device) < probability
            changed = torch.where(chosen, changed, images)
        images = changed
    return images
