"""Fashion-MNIST as a LightningDataModule."""

import logging
from pathlib import Path

import torch
from torch import Tensor

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.data.datamodules import InMemoryDataModule, name_of_folder
from dcgan_lightning.data.fashion_mnist.located import Located, Split, load_images, load_labels
from dcgan_lightning.data.fashion_mnist.sources import locate

log = logging.getLogger(__name__)


class FashionMNISTDataModule(InMemoryDataModule):
    """The 60,000 training images of Fashion-MNIST, or another set of 28 x 28 IDX files.

    Args:
        batch_size: Images per iteration, >= 2. With the notebook's 256 an epoch has 235 iterations, the last
            one with 96 images.
        seed: The run's seed.
        root: Folder with the four files, in torchvision's layout or directly in it, gzipped or not. None:
            they are searched for (see `dcgan_lightning.data.fashion_mnist.sources.locate`).
        verify: Compare the content with Fashion-MNIST's SHA-256 sums. False: ``root`` may hold any 28 x 28
            IDX set, such as MNIST or KMNIST.
        cache_dir: Folder for verified files; ``DCGAN_DATA_DIR`` or the user's cache folder if not given.
        count: Number of training images, in equal numbers of each class (see `first_of_each_class`); None:
            all. The test images are always complete.

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
        count: int | None = None,
    ) -> None:
        super().__init__(batch_size, seed)
        self.root = root
        self.verify = verify
        self.cache_dir = Path(cache_dir) if cache_dir else None
        self.count = count

    @property
    def source(self) -> str:
        """Name and origin of the images, for messages."""
        part = f"the first {self.count:,} images of " if self.count else ""
        where = f"data.root={self.root}" if self.root else ""
        if not self.verify:
            return f"{part}{where}, not verified"
        return f"{part}Fashion-MNIST from {where}" if where else f"{part}Fashion-MNIST"

    @property
    def short_name(self) -> str:
        """The data set's name in file names: the folder's name for other sets than Fashion-MNIST."""
        if self.verify or not self.root:
            return "fashion_mnist"
        return name_of_folder(self.root)

    def prepare_data(self) -> None:
        """Find, fetch and verify the files, on one process only.

        Raises:
            DataError: No source has the files, or a file is damaged.
        """
        if hasattr(self, "images"):
            return
        locate(self.root, self.verify, self.cache_dir, report=log.info)

    def load_images(self, split: Split = "train") -> Tensor:
        """Return the images of a split, for Fashion-MNIST 60,000 or 10,000: uint8 (N, 1, 28, 28).

        Raises:
            DataError: There are fewer training images than ``count``.
        """
        located = self._locate()
        images = load_images(located, split, self.verify).unsqueeze(1)
        return (
            images if self._is_whole(split) else images[self._rows(self._all_labels(located, split), images)]
        )

    def load_labels(self, split: Split = "train") -> Tensor | None:
        """Return the classes of a split, int64 (N,) below 256, or None if ``root`` has no labels."""
        labels = self._all_labels(self._locate(), split)
        return labels if labels is None or self._is_whole(split) else labels[self._rows(labels, labels)]

    def load_split(self, split: Split) -> tuple[Tensor, Tensor]:
        """Return the images of a split, uint8 (N, 1, 28, 28), and their classes 0 to 9, int64 (N,)."""
        located = self._locate()
        images = load_images(located, split, self.verify).unsqueeze(1)
        labels = load_labels(located, split, self.verify)
        if self._is_whole(split):
            return images, labels
        rows = self._rows(labels, images)
        return images[rows], labels[rows]

    def _locate(self) -> Located:
        return locate(self.root, self.verify, self.cache_dir, report=lambda sentence: None)

    def _all_labels(self, located: Located, split: Split) -> Tensor | None:
        has_labels = f"{split}_labels" in located.files
        return load_labels(located, split, self.verify, classes=256) if has_labels else None

    def _is_whole(self, split: Split) -> bool:
        return self.count is None or split == "test"

    def _rows(self, labels: Tensor | None, images: Tensor) -> Tensor:
        """Return the indices of the training images that are used."""
        assert self.count is not None
        if self.count > len(images):
            raise DataError(
                f"data.count must be at most {len(images)}, the number of images; got {self.count}"
            )
        return torch.arange(self.count) if labels is None else first_of_each_class(labels, self.count)


def first_of_each_class(labels: Tensor, count: int) -> Tensor:
    """Return the indices of the first images of each class, in equal numbers, in ascending order.

    If ``count`` is not a multiple of the number of classes, the numbers differ by 1; a class of fewer images
    is used completely.

    Args:
        labels: The classes of all images, int64 (N,).
        count: Number of indices, at most N.

    Returns:
        int64 (count,).
    """
    places = torch.empty_like(labels)  # of each image among those of its class
    for label in labels.unique():
        is_of_class = labels == label
        places[is_of_class] = torch.arange(int(is_of_class.sum()))
    return places.argsort(stable=True)[:count].sort().values
