"""Batches from one tensor: no worker processes, no per-image work, resumable at any position."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dcgan_lightning.config.data import batches_of_epoch, shared_count
from dcgan_lightning.core.pixels import normalize
from dcgan_lightning.core.randomness import stream_generator


class Position(NamedTuple):
    """The next batch of a training; epoch and batch are counted from 0."""

    epoch: int
    batch: int


class Batch(NamedTuple):
    """Images and their classes.

    Attributes:
        images: float32 (N, C, H, W) in [-1, 1].
        labels: int64 (N,), or None for a data set without classes.
    """

    images: Tensor
    labels: Tensor | None


class ShuffledBatches:
    """Each image once per epoch, in an order that is a function of (seed, epoch).

    If the processes cannot share the images equally, an epoch is without the last ones of its order, fewer
    than there are processes: other ones in each epoch.

    Args:
        images: uint8 (N, C, H, W), on the training device, or on the CPU if they do not fit there.
        batch_size: Images per batch, over all processes; the last batch of an epoch holds the remainder. A
            single image left over joins the batch before it.
        seed: The run's seed.
        position: Called at the first ``next()`` of each epoch, after Lightning has restored its counters, so
            that a resumed run continues with the batch after its checkpoint.
        share: (rank, number of processes): each process gets an equal part of every batch.
        labels: int64 (N,), on the images' device; None: no classes.
        device: Device of the batches; the images' device if not given.

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
        return batches_of_epoch(len(self.images), self.batch_size, self.share[1])

    @property
    def _count(self) -> int:
        return shared_count(len(self.images), self.share[1])

    def __iter__(self) -> Iterator[Batch]:
        epoch, first = self.position()
        order = torch.randperm(len(self.images), generator=stream_generator(self.seed, "order", epoch))
        order = order[: self._count].to(self.images.device)
        for batch in range(first, len(self)):
            end = self._count if batch == len(self) - 1 else (batch + 1) * self.batch_size
            rows = order[batch * self.batch_size : end]
            process, processes = self.share
            own = rows[process::processes]
            yield self.take(own)

    def take(self, rows: Tensor) -> Batch:
        """Return the images with these indices, int64 (M,), as a batch on `device`."""
        labels = None if self.labels is None else self.labels[rows].to(self.device)
        return Batch(normalize(self.images[rows].to(self.device)), labels)

    # The position is a function of Lightning's counters; these two methods mark the loader as resumable.
    def state_dict(self) -> dict[str, Any]:
        """Return an empty state: the position is a function of Lightning's counters."""
        return {}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Do nothing (see `state_dict`)."""
