"""Base class of the data modules."""

import logging
import re
from abc import abstractmethod
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from torch import Tensor

from dcgan_lightning.config.data import batch_size_problem
from dcgan_lightning.core.errors import DataError
from dcgan_lightning.data.batches import Position, ShuffledBatches
from dcgan_lightning.data.fashion_mnist.located import Split
from dcgan_lightning.data.images import IMAGE_SIZE, check_images

log = logging.getLogger(__name__)


class InMemoryDataModule(pl.LightningDataModule):
    """Images held as one uint8 tensor, on the training device if they fit there.

    Args:
        batch_size: Images per iteration, >= 2, over all processes.
        seed: The run's seed; the order of each epoch is a function of it.

    Attributes:
        image_size: Pixels a side, the same for all images.
        memory_share: Largest share of a GPU's memory for the images, in (0, 1].
        images: uint8 (N, C, image_size, image_size); set by ``setup``.
        labels: int64 (N,), or None for a data set without classes; set by ``setup``.
        batches: The class of the loader that `train_dataloader` returns.
    """

    batches: type[ShuffledBatches] = ShuffledBatches
    image_size: int = IMAGE_SIZE
    memory_share: float = 0.5
    images: Tensor
    labels: Tensor | None

    def __init__(self, batch_size: int, seed: int) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.seed = seed

    @abstractmethod
    def load_images(self, split: Split = "train") -> Tensor:
        """Return all images of a split as uint8 (N, C, image_size, image_size).

        Args:
            split: "train" for the training images, or "test".

        Raises:
            DataError: The data set has no images of this split, or they are damaged.
        """

    @abstractmethod
    def load_split(self, split: Split) -> tuple[Tensor, Tensor]:
        """Return the images of a split and their classes.

        Returns:
            uint8 (N, C, image_size, image_size) and int64 (N,).

        Raises:
            DataError: The data set lacks the images or their classes.
        """

    def load_labels(self, split: Split = "train") -> Tensor | None:
        """Return the classes of a split as int64 (N,), or None for a data set without classes."""
        return self.load_split(split)[1]

    @property
    @abstractmethod
    def source(self) -> str:
        """Name and origin of the images, for messages."""

    @property
    @abstractmethod
    def short_name(self) -> str:
        """The data set's name in file names."""

    @property
    def fingerprint(self) -> dict[str, Any]:
        """Plain values that a resumed run must have in common besides its settings; valid after ``setup``."""
        return {}

    def setup(self, stage: str | None = None) -> None:
        """Load and check the images at the first call.

        Raises:
            DataError: The images are invalid, or the batch size does not fit their number.
        """
        if hasattr(self, "images"):
            return
        images = self.load_images()
        check_images(images, self.source, self.image_size)
        if problem := batch_size_problem(self.batch_size, len(images)):
            raise DataError(problem)
        self.images, self.labels = images, self.load_labels()

    def first_images(self, count: int) -> Tensor:
        """Return training images to look at, at most ``count``: the first ones."""
        return self.images[:count]

    def train_dataloader(self) -> ShuffledBatches:
        """Return this process' part of the batches, placed on the trainer's device.

        Raises:
            DataError: The batches cannot be divided equally among the processes.
        """
        trainer = self.trainer
        assert trainer is not None
        share = (trainer.global_rank, trainer.world_size)
        if problem := batch_size_problem(self.batch_size, len(self.images), trainer.world_size):
            raise DataError(problem)

        def position() -> Position:
            fit_loop = trainer.fit_loop
            return Position(
                epoch=fit_loop.epoch_progress.current.processed,  # type: ignore[attr-defined]
                batch=fit_loop.epoch_loop.batch_progress.current.ready,
            )

        device = trainer.strategy.root_device
        home = device if self._fit_on(device) else self.images.device
        images, labels = self.images.to(home), None if self.labels is None else self.labels.to(home)
        return self.batches(images, self.batch_size, self.seed, position, share, labels, device)

    def _fit_on(self, device: torch.device) -> bool:
        if device.type != "cuda":
            return True
        total = torch.cuda.get_device_properties(device).total_memory
        return self.images.numel() <= self.memory_share * total


def name_of_folder(root: str | Path) -> str:
    """Return a data set's name in file names, derived from its folder."""
    parts = [part for part in Path(root).expanduser().absolute().parts if part.lower() != "raw"]
    return re.sub(r"\W+", "_", parts[-1]).strip("_") or "images"
