"""What Lightning gets its batches from."""

import logging
import re
from abc import abstractmethod
from pathlib import Path

import pytorch_lightning as pl
import torch
from torch import Tensor

from dcgan_lightning.data.batches import Position, ShuffledBatches
from dcgan_lightning.data.images import IMAGE_SIZE, check_images
from dcgan_lightning.data.sources import Split, load_images, load_labels, locate
from dcgan_lightning.errors import DataError
from dcgan_lightning.randomness import stream_generator
from dcgan_lightning.rules import batch_size_problem

log = logging.getLogger(__name__)


class InMemoryDataModule(pl.LightningDataModule):
    """Images that fit into memory, held as one uint8 tensor on the device that trains.

    Args:
        batch_size: Images an iteration, >= 2, over all processes that train together.
        seed: The run's seed; the order of each epoch follows from it.

    Attributes:
        images: uint8 (N, C, 28, 28), there after ``setup``.
    """

    images: Tensor

    def __init__(self, batch_size: int, seed: int) -> None:
        super().__init__()
        self.batch_size = batch_size
        self.seed = seed

    @abstractmethod
    def load_images(self, split: Split = "train") -> Tensor:
        """Return all images of a split as uint8 (N, C, 28, 28).

        Args:
            split: "train", the images that networks are trained on, or "test".

        Raises:
            DataError: The data set has none.
        """

    @abstractmethod
    def load_split(self, split: Split) -> tuple[Tensor, Tensor]:
        """Return the images of a split and their classes.

        Returns:
            uint8 (N, C, 28, 28) and int64 (N,).

        Raises:
            DataError: The data set lacks the images or their classes.
        """

    @property
    @abstractmethod
    def source(self) -> str:
        """What the images are and where they come from, for messages."""

    @property
    @abstractmethod
    def short_name(self) -> str:
        """The data set's name in file names."""

    def setup(self, stage: str | None = None) -> None:
        """Load and check the images, once.

        Raises:
            DataError: The images cannot be trained on, or the batch size does not fit their number.
        """
        if hasattr(self, "images"):
            return
        images = self.load_images()
        check_images(images, self.source)
        if problem := batch_size_problem(self.batch_size, len(images)):
            raise DataError(problem)
        self.images = images

    def train_dataloader(self) -> ShuffledBatches:
        """Return this process' part of the batches, placed on the trainer's device.

        Raises:
            DataError: The processes cannot share the batches equally.
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

        images = self.images.to(trainer.strategy.root_device)
        return ShuffledBatches(images, self.batch_size, self.seed, position, share)


class FashionMNISTDataModule(InMemoryDataModule):
    """The 60,000 training images of Fashion-MNIST, or another set of 28 x 28 IDX files.

    Args:
        batch_size: Images an iteration, >= 2. The notebook's 256 make 235 iterations an epoch, the last of 96
            images.
        seed: The run's seed.
        root: Folder with the four files, in torchvision's layout or bare, gzipped or not. Without it they are
            found (see `dcgan_lightning.data.sources.locate`).
        verify: Compare the content with Fashion-MNIST's SHA-256 sums. Off, ``root`` may hold any 28 x 28 IDX
            set, such as MNIST or KMNIST.
        cache_dir: Where verified files are kept; ``DCGAN_DATA_DIR`` or the user's cache folder if not given.

    Source:
        Xiao et al. 2017, https://arxiv.org/abs/1708.07747.
    """

    def __init__(
        self,
        batch_size: int = 256,
        seed: int = 0,
        root: str | None = None,
        verify: bool = True,
        cache_dir: str | None = None,
    ) -> None:
        super().__init__(batch_size, seed)
        self.root = root
        self.verify = verify
        self.cache_dir = Path(cache_dir) if cache_dir else None

    @property
    def source(self) -> str:
        """What the images are and where they come from, for messages."""
        where = f"data.root={self.root}" if self.root else ""
        if not self.verify:
            return f"{where}, not verified"
        return f"Fashion-MNIST from {where}" if where else "Fashion-MNIST"

    @property
    def short_name(self) -> str:
        """The data set's name in file names: that of the folder, if it is another set than Fashion-MNIST."""
        if self.verify or not self.root:
            return "fashion_mnist"
        parts = [part for part in Path(self.root).expanduser().absolute().parts if part.lower() != "raw"]
        return re.sub(r"\W+", "_", parts[-1]).strip("_") or "images"

    def prepare_data(self) -> None:
        """Find, fetch and verify the files, on one process only.

        Raises:
            DataError: No source has them, or a file is damaged.
        """
        if hasattr(self, "images"):
            return
        locate(self.root, self.verify, self.cache_dir, report=log.info)

    def load_images(self, split: Split = "train") -> Tensor:
        """Return the 60,000 training or the 10,000 test images."""
        located = locate(self.root, self.verify, self.cache_dir, report=lambda sentence: None)
        return load_images(located, split, self.verify).unsqueeze(1)

    def load_split(self, split: Split) -> tuple[Tensor, Tensor]:
        """Return the 60,000 training or the 10,000 test images, and their classes 0 to 9."""
        located = locate(self.root, self.verify, self.cache_dir, report=lambda sentence: None)
        images = load_images(located, split, self.verify).unsqueeze(1)
        return images, load_labels(located, split, self.verify)


class SyntheticDataModule(InMemoryDataModule):
    """Made-up images for tests and smoke runs: one bright rectangle or ellipse each, on black.

    Args:
        batch_size: Images an iteration, >= 2.
        seed: The run's seed; the images follow from it too.
        count: Number of images, >= 2.
        image_channels: Channels of the images.
    """

    source = "synthetic data (made-up shapes)"
    short_name = "synthetic"

    def __init__(
        self, batch_size: int = 32, seed: int = 0, count: int = 512, image_channels: int = 1
    ) -> None:
        super().__init__(batch_size, seed)
        self.count = count
        self.image_channels = image_channels

    def load_images(self, split: Split = "train") -> Tensor:
        """Return the made-up images as uint8 (count, image_channels, 28, 28); the splits differ."""
        return self.load_split(split)[0]

    def load_split(self, split: Split) -> tuple[Tensor, Tensor]:
        """Return made-up images, and 0 for each ellipse and 1 for each rectangle; the splits differ."""
        generator = stream_generator(self.seed, "synthetic_data", index=("train", "test").index(split))

        def uniform(low: float, high: float, channels: int = 1) -> Tensor:
            return low + (high - low) * torch.rand(self.count, channels, 1, 1, generator=generator)

        vertical = torch.arange(IMAGE_SIZE).view(1, 1, IMAGE_SIZE, 1) - uniform(10, 17)
        horizontal = torch.arange(IMAGE_SIZE).view(1, 1, 1, IMAGE_SIZE) - uniform(10, 17)
        vertical, horizontal = (vertical / uniform(4, 10)).abs(), (horizontal / uniform(4, 10)).abs()
        rectangle = torch.maximum(vertical, horizontal) <= 1
        ellipse = vertical**2 + horizontal**2 <= 1
        is_rectangle = uniform(0, 1) < 0.5
        shape = torch.where(is_rectangle, rectangle, ellipse)
        images = (shape * uniform(120, 255, self.image_channels)).round().to(torch.uint8)
        return images, is_rectangle.flatten().long()
