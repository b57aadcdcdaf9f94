"""Prepared images in the data cache: whole sets of one form, verified whenever they are read."""

import contextlib
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_lightning.core.errors import DataError, RunFolderError
from dcgan_lightning.core.files import renewed_folder
from dcgan_lightning.core.regular_files import read_file
from dcgan_lightning.data.cache_folder import unwritable
from dcgan_lightning.data.image_files import ImageForm
from dcgan_lightning.data.image_folder.listing import ImageFile, Listing

VERSION = 1  # of the way images are made; a higher one has all prepared again
_IMAGES = "images.bin"  # their bytes, one image after the other
_INDEX = "index.json"
_PIECE = 1 << 24  # bytes that are summed up at once


@dataclass(frozen=True)
class Prepared:
    """Images that are ready to be trained on.

    Attributes:
        images: uint8 (N, channels, size, size), in memory or mapped from the cache's file.
        files: Which file each one was made of.
        skipped: Files of which none could be made, and why.
    """

    images: Tensor
    files: tuple[ImageFile, ...]
    skipped: Mapping[str, str]


def place_of(cache: Path, listing: Listing, form: ImageForm) -> Path:
    """Return the folder of prepared images: its name follows from the files' content and the form."""
    key = {"version": VERSION, "content": listing.content} | asdict(form)
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    return store_of(cache) / f"{form.size}x{form.size}x{form.channels}_{digest}"


def store_of(cache: Path) -> Path:
    """Return the folder that holds all prepared sets."""
    return cache / "image_folders"


def read_prepared(place: Path, listing: Listing, form: ImageForm, memory: int) -> Prepared | None:
    """Return prepared images, or None if there are none.

    Args:
        place: From `place_of`.
        listing: The files they were made of.
        form: What the files were made into.
        memory: Bytes that images may take up in memory; larger sets are mapped from the file.

    Raises:
        DataError: They are damaged, or there is less of them than there should be.
    """
    try:
        index = json.loads(read_file(place / _INDEX))
        skipped = {str(path): str(reason) for path, reason in index["skipped"].items()}
        files = tuple(file for file in listing.files if file.path not in skipped)
        shape = (len(files), form.channels, form.size, form.size)
        if skipped.keys() - {file.path for file in listing.files} or not files:
            raise ValueError(f"{_INDEX} is of other files")
        path = place / _IMAGES
        if path.stat().st_size != np.prod(shape, dtype=object) or _sum_of(path) != index["sha256"]:
            raise ValueError(f"{_IMAGES} does not have the content that {_INDEX} names")
        is_mapped = path.stat().st_size > memory
        # Mapped privately: what was written into the tensor would never reach the file.
        pixels = np.memmap(path, np.uint8, "c", shape=shape) if is_mapped else np.fromfile(path, np.uint8)
        images = torch.from_numpy(pixels.reshape(shape))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"the prepared images in {place} are damaged ({reason})") from error
    with contextlib.suppress(OSError):
        os.utime(place / _INDEX)  # the sets that were not used for the longest time make room for others
    return Prepared(images, files, skipped)


def _sum_of(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


class Writer:
    """Takes images one after the other (see `writing`)."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()

    def add(self, pixels: NDArray[np.uint8]) -> None:
        """Write an image, (channels, size, size)."""
        data = pixels.tobytes()
        self._file.write(data)
        self.digest.update(data)


@contextlib.contextmanager
def writing(place: Path, skipped: Mapping[str, str], about: Mapping[str, Any]) -> Iterator[Writer]:
    """Yield a writer for a set of images, which is at its place as a whole after the block, or not at all.

    Args:
        place: From `place_of`; what is there is replaced.
        skipped: Files without an image, and why; read after the block.
        about: Plain values for people who look into the index.

    Raises:
        DataError: The cache cannot be written.
    """
    try:
        with renewed_folder(place) as folder:
            with open(folder / _IMAGES, "xb", buffering=1 << 20) as file:
                writer = Writer(file)
                yield writer
                file.flush()
                os.fsync(file.fileno())
            index = {"sha256": writer.digest.hexdigest(), "skipped": dict(skipped), **about}
            (folder / _INDEX).write_text(json.dumps(index, indent=1))
    except (OSError, RunFolderError) as error:
        raise unwritable(place.parent.parent, error) from error


def make_room(store: Path, place: Path, size: int, limit: int) -> list[str]:
    """Remove prepared sets that were not used for the longest time until another one fits.

    Args:
        store: Holds all sets.
        place: Of the new one.
        size: Its bytes.
        limit: Bytes that all sets may have together.

    Returns:
        The names of the sets that were removed.

    Raises:
        DataError: The new one alone has more.
    """
    if size > limit:
        raise DataError(
            f"the prepared images would take {size / 1e9:.2f} GB, more than data.cache_gb={limit / 1e9:g}; "
            "use a smaller data.size, or raise data.cache_gb"
        )
    others = [path.parent for path in store.glob(f"*/{_INDEX}") if path.parent != place]
    sizes = {folder: _size_of(folder) for folder in others}
    removed = []
    for folder in sorted(others, key=_last_use):
        if size + sum(sizes.values()) <= limit:
            break
        with contextlib.suppress(OSError):
            (folder / _INDEX).unlink()  # from here on nobody takes it for whole
            shutil.rmtree(folder)
            removed.append(folder.name)
        del sizes[folder]
    return removed


def _size_of(folder: Path) -> int:
    with contextlib.suppress(OSError):
        return (folder / _IMAGES).stat().st_size
    return 0


def _last_use(folder: Path) -> float:
    with contextlib.suppress(OSError):
        return (folder / _INDEX).stat().st_mtime
    return 0.0
