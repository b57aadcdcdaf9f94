"""Batches of images and classes for the training of classifiers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from dcgan_lightning.core.pixels import normalize
from dcgan_lightning.core.randomness import stream_generator


@dataclass(eq=False)
class LabelledBatches:
    """Each image and its label once per epoch, with small random shifts of the images.

    The order is a function of (seed, epoch), the shifts are functions of (seed, epoch, batch). Images are not
    mirrored: in Fashion-MNIST all shoes point to the left.

    Args:
        images: uint8 (N, C, H, W).
        labels: int64 (N,).
        batch_size: Images per batch; the last batch holds the remainder.
        seed: Seed of the order and the shifts.
        epoch: Returns the epoch, from 0; called at the start of each epoch.
        shift: Largest shift in pixels, in each direction; the border is filled with black.

    Shape:
        Each batch: images float32 (batch_size, C, H, W) in [-1, 1], labels int64 (batch_size,).
    """

    images: Tensor
    labels: Tensor
    batch_size: int
    seed: int
    epoch: Callable[[], int] = lambda: 0
    shift: int = 0

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        epoch = self.epoch()
        order = torch.randperm(len(self.images), generator=stream_generator(self.seed, "order", epoch))
        for batch in range(len(self)):
            rows = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            moves = stream_generator(self.seed, "augmentation", epoch * len(self) + batch)
            yield normalize(move_randomly(self.images[rows], self.shift, moves)), self.labels[rows]


def move_randomly(images: Tensor, shift: int, generator: torch.Generator) -> Tensor:
    """Shift each image by -shift to shift pixels, vertically and horizontally, and fill the border with 0.

    Args:
        images: uint8 (N, C, H, W).
        shift: Largest shift in pixels, >= 0.
        generator: Source of the random numbers.

    Returns:
        uint8 (N, C, H, W).
    """
    if shift == 0:
        return images
    count, _, height, width = images.shape
    padded = torch.nn.functional.pad(images, (shift, shift, shift, shift))
    starts = torch.randint(0, 2 * shift + 1, (2, count, 1), generator=generator)
    rows = (starts[0] + torch.arange(height)).view(count, 1, height, 1)
    columns = (starts[1] + torch.arange(width)).view(count, 1, 1, width)
    image = torch.arange(count).view(count, 1, 1, 1)
    channel = torch.arange(images.shape[1]).view(1, -1, 1, 1)
    return padded[image, channel, rows, columns]
