"""A folder of pictures as a LightningDataModule."""

import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.core.memory import machine_memory
from dcgan_lightning.data.cache_folder import default_cache_dir
from dcgan_lightning.data.datamodules import InMemoryDataModule, name_of_folder
from dcgan_lightning.data.fashion_mnist.located import Split
from dcgan_lightning.data.image_files import Background, Fit, ImageForm
from dcgan_lightning.data.image_folder.cache import Prepared
from dcgan_lightning.data.image_folder.listing import Listing, find_classes
from dcgan_lightning.data.image_folder.prepare import Broken, describe_skipped, find_prepared

log = logging.getLogger(__name__)


class ImageFolderDataModule(InMemoryDataModule):
    """The pictures of a folder and of all folders below it, made into one size and number of channels.

    The folders directly below it are the classes. Which pictures are held out follows from their content
    alone: copies of a file are on the same side, and new files move no others.

    Args:
        batch_size: Images an iteration, >= 2.
        seed: The run's seed.
        root: The folder.
        size: Pixels a side.
        channels: 1 for grey, 3 for colour.
        fit: What becomes of pictures that are not square (see `Fit`).
        background: Seen through transparent pixels, and the colour of margins.
        broken: What to do about files of which no image can be made: skip them, or refuse the folder.
        holdout: Share of the pictures that is never trained on, for the scores; about, as chance has it.
        cache_gb: Gigabytes that all prepared sets may have together; those not used for long make room.
        memory_share: Share of the memory that the images may take up; larger sets are read from the cache's
            file as they are needed, through a memory map, with the same batches.
        cache_dir: Where prepared images are kept; ``DCGAN_DATA_DIR`` or the user's cache folder if not given.
    """

    def __init__(
        self,
        batch_size: int = 64,
        seed: int = 0,
        root: str | None = None,
        size: int = 64,
        channels: int = 3,
        fit: Fit = "crop",
        background: Background = "black",
        broken: Broken = "skip",
        holdout: float = 0.1,
        cache_gb: float = 20.0,
        memory_share: float = 0.5,
        cache_dir: str | None = None,
    ) -> None:
        super().__init__(batch_size, seed)
        if not root:
            raise DataError("data=image_folder needs data.root: the folder with the images")
        self.root = root
        self.image_size = size
        self.form = ImageForm(size, channels, fit, background)
        self.broken: Broken = broken
        self.holdout = holdout
        self.cache_gb = cache_gb
        self.memory_share = memory_share
        self.cache_dir = cache_dir
        self._found: tuple[Listing, Prepared] | None = None

    @property
    def source(self) -> str:
        """What the images are and where they come from, for messages."""
        return f"the images in data.root={self.root}"

    @property
    def short_name(self) -> str:
        """The data set's name in file names: that of the folder."""
        return name_of_folder(self.root)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """The content of the folder, and the names of its classes."""
        listing, prepared = self._find()
        return {
            "data.content": listing.content,
            "data.class_names": list(find_classes(prepared.files)[0]),
        }

    def prepare_data(self) -> None:
        """Make the images unless they are in the cache, and say what there is.

        Raises:
            DataError: See `find_prepared`.
        """
        if self._found is None:
            listing, prepared = self._find()
            skipped = {**listing.unusable, **prepared.skipped}
            if skipped:
                log.warning("%s", describe_skipped(skipped, len(listing.files) + len(listing.unusable)))
            names, _ = find_classes(prepared.files)
            held_out = self._held_out(prepared)
            log.info(
                "%s: %s images to train on, %s held out; %s",
                self.source,
                f"{len(prepared.files) - held_out:,}",
                f"{held_out:,}",
                f"{len(names)} classes"
                if names
                else "no classes: not every image lies in a folder of its own class",
            )

    def load_images(self, split: Split = "train") -> Tensor:
        """Return the images to train on, or those held out ("test").

        Raises:
            DataError: There are none.
        """
        _, prepared = self._find()
        images = prepared.images[self._rows(prepared, split)]
        if not len(images):
            what = "images to train on" if split == "train" else "held-out images to compare with"
            raise DataError(f"{self.source}: data.holdout={self.holdout} leaves no {what}; use another share")
        return images

    def load_labels(self, split: Split = "train") -> Tensor | None:
        """Return the classes of a split, or None if not every image lies in a class folder."""
        _, prepared = self._find()
        names, labels = find_classes(prepared.files)
        return torch.tensor(labels)[self._rows(prepared, split)] if names else None

    def load_split(self, split: Split) -> tuple[Tensor, Tensor]:
        """Return the images of a split and their classes.

        Raises:
            DataError: It has none, or there are no classes.
        """
        images, labels = self.load_images(split), self.load_labels(split)
        if labels is None:
            raise DataError(
                f"{self.source} have no classes, which are needed here; put the images of each class into a "
                "folder of its own below it"
            )
        return images, labels

    def _find(self) -> tuple[Listing, Prepared]:
        if self._found is None:
            cache = Path(self.cache_dir).expanduser() if self.cache_dir else default_cache_dir()
            limit, memory = int(self.cache_gb * 1e9), int(self.memory_share * machine_memory())
            self._found = find_prepared(self.root, self.form, cache, self.broken, limit, memory)
        return self._found

    def _rows(self, prepared: Prepared, split: Split) -> slice:
        held_out = self._held_out(prepared)
        return slice(held_out, None) if split == "train" else slice(held_out)

    def _held_out(self, prepared: Prepared) -> int:
        """Return how many images are held out: the first ones, as files are in the order of their sums."""
        return sum(int(file.digest, 16) < self.holdout * 2**256 for file in prepared.files)
