"""Batches from one tensor: no worker processes, no per-image work, and any position can be taken up again."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dcgan_lightning.core.pixels import normalize
from dcgan_lightning.core.randomness import stream_generator


class Position(NamedTuple):
    """Where training stands: both counted from 0."""

    epoch: int
    batch: int


class Batch(NamedTuple):
    """Images and their classes.

    Attributes:
        images: float32 (N, C, H, W) in [-1, 1].
        labels: int64 (N,), or None where the data set has no classes.
    """

    images: Tensor
    labels: Tensor | None


class ShuffledBatches:
    """All images once an epoch, in an order that is a function of (seed, epoch).

    Args:
        images: uint8 (N, C, H, W); on the device that trains, or on the CPU if they do not fit there.
        batch_size: Images a batch; the last one holds the remainder.
        seed: The run's seed.
        position: Asked at the first ``next()`` of each epoch, when Lightning has restored its counters, so a
            resumed run goes on with the very batch that follows its checkpoint.
        share: (number of this process, number of processes): each gets an equal part of every batch.
        labels: int64 (N,), on the images' device; None: no classes.
        device: Where batches go; the images' own device if not given.

    Shape:
        Each `Batch` holds batch_size / processes images.
    """

    def __init__(
        self,
        images: Tensor,
        batch_size: int,
        seed: int,
        position: Callable[[], Position] = lambda: Position(0, 0),
        share: tuple[int, int] = (0, 1),
        labels: Tensor | None = None,
        device: torch.device | None = None,
    ) -> None:
        self.images = images
        self.device = device or images.device
        self.labels = labels
        self.batch_size = batch_size
        self.seed = seed
        self.position = position
        self.share = share

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def __iter__(self) -> Iterator[Batch]:
        epoch, first = self.position()
        order = torch.randperm(len(self.images), generator=stream_generator(self.seed, "order", epoch))
        order = order.to(self.images.device)
        for batch in range(first, len(self)):
            rows = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            process, processes = self.share
            own = rows[process::processes]
            yield self.take(own)

    def take(self, rows: Tensor) -> Batch:
        """Return a batch of the images in these rows, on `device`."""
        labels = None if self.labels is None else self.labels[rows].to(self.device)
        return Batch(normalize(self.images[rows].to(self.device)), labels)

    # The position follows from Lightning's own counters; having these two methods tells it that the loader
    # can be resumed.
    def state_dict(self) -> dict[str, Any]:
        """Return nothing: there is no state besides Lightning's counters."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take nothing up (see `state_dict`)."""
