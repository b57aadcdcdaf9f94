"""Well-known data sets, read, downloaded and verified by torchvision."""

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dcgan_lightning.config.data import KNOWN_SHAPES, KNOWN_TITLES, domain_name
from dcgan_lightning.core.errors import DataError, RunFolderError
from dcgan_lightning.core.files import renewed_folder
from dcgan_lightning.data.cache_folder import can_be_listed, default_cache_dir, unwritable
from dcgan_lightning.data.datamodules import InMemoryDataModule, name_of_folder
from dcgan_lightning.data.fashion_mnist.located import Split

log = logging.getLogger(__name__)


class Known(NamedTuple):
    """A data set of torchvision.

    Attributes:
        open: Returns torchvision's data set for (folder, split, ``download``).
        first_label: Smallest label.
        by_columns: Whether the images are stored by columns.
    """

    open: Callable[[Path, Split, bool], Any]
    first_label: int = 0
    by_columns: bool = False


def _by_train(name: str, **settings: Any) -> Callable[[Path, Split, bool], Any]:
    """Return a function that opens a data set whose splits are selected by the argument ``train``."""

    def open_split(root: Path, split: Split, download: bool) -> Any:
        return _torchvision(name)(root, train=split == "train", download=download, **settings)

    return open_split


def _open_svhn(root: Path, split: Split, download: bool) -> Any:
    return _torchvision("SVHN")(root, split=split, download=download)


def _torchvision(name: str) -> Any:
    from torchvision import datasets

    return getattr(datasets, name)


KNOWN = {
    "mnist": Known(_by_train("MNIST")),
    "kmnist": Known(_by_train("KMNIST")),
    "emnist_letters": Known(_by_train("EMNIST", split="letters"), 1, by_columns=True),
    "cifar10": Known(_by_train("CIFAR10")),
    "svhn": Known(_open_svhn),
}


class TorchvisionDataModule(InMemoryDataModule):
    """A data set of torchvision, chosen by name.

    Args:
        name: One of `KNOWN`.
        batch_size: Images per iteration, >= 2.
        seed: The run's seed.
        root: Folder with the files in torchvision's layout. None: they are downloaded once to the data cache,
            atomically, and torchvision compares their checksums.
        cache_dir: The data cache; ``DCGAN_DATA_DIR`` or the user's cache folder if not given.
        size: Pixels a side; must be that of the data set.
        channels: 1 for grey, 3 for colour; must be that of the data set.
    """

    def __init__(
        self,
        name: str,
        batch_size: int = 256,
        seed: int = 0,
        root: str | None = None,
        cache_dir: str | None = None,
        size: int | None = None,
        channels: int | None = None,
    ) -> None:
        super().__init__(batch_size, seed)
        self.set_name = name
        self.root = root
        self.cache_dir = cache_dir
        self.image_size, self.channels = KNOWN_SHAPES[name]
        self._read: dict[Split, tuple[Tensor, Tensor]] = {}
        self._class_names: list[str] = []

    @property
    def source(self) -> str:
        """Name and origin of the images, for messages."""
        return f"{KNOWN_TITLES[self.set_name]} in {self._folder}"

    @property
    def short_name(self) -> str:
        """The data set's name in file names."""
        return self.set_name if self.root is None else name_of_folder(self.root)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """The SHA-256 sum of the training images, and the names of the classes."""
        digest = hashlib.sha256(self.load_images().numpy().data).hexdigest()
        return {"data.content": digest, "data.class_names": self._class_names}

    @property
    def _folder(self) -> Path:
        if self.root is not None:
            return Path(self.root).expanduser()
        cache = Path(self.cache_dir).expanduser() if self.cache_dir else default_cache_dir()
        return cache / "torchvision" / self.set_name

    def prepare_data(self) -> None:
        """Download the files if they are missing, on one process only.

        Raises:
            DataError: The files are unavailable.
        """
        if self.root is not None or self._folder.is_dir():
            self.load_split("train")
            return
        log.info("downloading %s to %s", KNOWN_TITLES[self.set_name], self._folder)
        try:
            with renewed_folder(self._folder) as folder:
                self._open(folder, "train", download=True)
                self._open(folder, "test", download=True)
        except RunFolderError as error:
            raise unwritable(self._folder.parent.parent, error) from error

    def load_images(self, split: Split = "train") -> Tensor:
        """Return the images of a split."""
        return self.load_split(split)[0]

    def load_split(self, split: Split) -> tuple[Tensor, Tensor]:
        """Return the images of a split and their classes.

        Raises:
            DataError: The files are missing or damaged.
        """
        if split not in self._read:
            self._read[split] = self._tensors(self._open(self._folder, split, download=False))
        return self._read[split]

    def _open(self, folder: Path, split: Split, download: bool) -> Any:
        """Return torchvision's data set; every error of torchvision becomes a `DataError`."""
        title = KNOWN_TITLES[self.set_name]
        if self.root is not None and not can_be_listed(folder):
            raise DataError(
                f"data.root={self.root} is not a folder that can be read; pass one with {title} in "
                "torchvision's layout, or leave data.root out: it is downloaded"
            )
        try:
            return KNOWN[self.set_name].open(folder, split, download)
        except Exception as error:
            text = " ".join(str(error).split()).partition(" You can use")[0]  # download=True
            reason = text[:150].rstrip(".") or type(error).__name__
            if self.root is not None:
                where, remedy = f"data.root={self.root}", "get the files again, or leave data.root out"
            else:
                remedy = (
                    "connect to the network, or pass a folder in torchvision's layout with data.root=FOLDER"
                )
                where = f"data={self.set_name}"
            raise DataError(f"{where}: {title} is unavailable ({reason}); {remedy}") from error

    def _tensors(self, found: Any) -> tuple[Tensor, Tensor]:
        """Return the images and classes of torchvision's data set."""
        known = KNOWN[self.set_name]
        images = torch.as_tensor(found.data)
        labels = torch.as_tensor(getattr(found, "targets", getattr(found, "labels", None))).long()
        if images.ndim == 3:
            images = images.unsqueeze(1)
        elif images.shape[-1] == self.channels:
            images = images.permute(0, 3, 1, 2)
        images = images.mT if known.by_columns else images
        shape = (self.channels, self.image_size, self.image_size)
        if images.dtype != torch.uint8 or images.shape[1:] != shape or len(labels) != len(images):
            raise DataError(
                f"{self.source}: {len(images):,} images of {tuple(images.shape[1:])} and {len(labels):,} "
                f"labels, expected images of {shape}; get the files again"
            )
        names = getattr(found, "classes", None) or map(str, range(int(labels.max()) + 1))
        self._class_names = [domain_name(name) for name in names][known.first_label :]
        return images.contiguous(), labels - known.first_label
