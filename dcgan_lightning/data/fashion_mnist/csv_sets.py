"""Converts CSV files to IDX files in the data cache, once per content.

Kaggle's CSV files of Fashion-MNIST have the rows in another order than the published IDX files. If a file
holds exactly these images, they are put into the published order, so that every run is the same to the bit
with either form.
"""

import hashlib
import json
import os
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dcgan_lightning.core.errors import DataError, RunFolderError
from dcgan_lightning.core.files import renewed_folder
from dcgan_lightning.core.regular_files import open_regular, read_file
from dcgan_lightning.core.temporaries import remove_leftovers
from dcgan_lightning.data.cache_folder import unwritable
from dcgan_lightning.data.fashion_mnist.csv_rows import SIDE, Rows, read_rows
from dcgan_lightning.data.fashion_mnist.idx import FASHION_MNIST

_FOLDER = "csv"  # in the data cache
_INDEX = "index.json"
_MAGIC = 0x800  # of IDX files of bytes, plus the number of dimensions
ORDERS = Path(__file__).with_name("published_order.npz")  # ranks of the published rows among the sorted ones


def convert(path: Path, split: str, cache: Path, verify: bool) -> dict[str, Path]:
    """Return IDX files with the content of a CSV file; they are made at the first call and verified later.

    Args:
        path: The CSV file.
        split: "train" or "test".
        cache: The data cache.
        verify: Require the content of Fashion-MNIST.

    Returns:
        The files "train_images" and "train_labels", or "test_images" and "test_labels".

    Raises:
        DataError: The file is damaged or invalid, is not Fashion-MNIST's and ``verify``, or the cache cannot
            be written.
    """
    keys = (f"{split}_images", f"{split}_labels")
    folder = cache / _FOLDER / f"{path.name.split('.')[0]}_{_sum_of_file(path)[:16]}"
    remove_leftovers(folder.parent)
    sums = _valid_sums(folder, keys)
    if sums is None:
        images, labels = (_idx(values) for values in _arrays(published_order(read_rows(path), split)))
        sums = [hashlib.sha256(content).hexdigest() for content in (images, labels)]
        _write(folder, dict(zip(keys, (images, labels), strict=True)), sums)
    if verify and sums != [FASHION_MNIST[key].sha256 for key in keys]:
        raise DataError(
            f"{path}: has the right form but not Fashion-MNIST's images; replace it with an intact copy, or "
            "use another data set with data.verify=false"
        )
    return {key: folder / FASHION_MNIST[key].name for key in keys}


def published_order(rows: Rows, split: str) -> Rows:
    """Return the rows in the order of the published IDX files if they are Fashion-MNIST's, else as they are.

    Args:
        rows: (N, 785), labels and pixels.
        split: "train" or "test".
    """
    with np.load(ORDERS) as orders:
        ranks = orders[split]
    if len(ranks) != len(rows):
        return rows
    ordered: Rows = rows[sorted_order(rows)[ranks]]
    known = [FASHION_MNIST[f"{split}_{kind}"].sha256 for kind in ("images", "labels")]
    found = [hashlib.sha256(_idx(values)).hexdigest() for values in _arrays(ordered)]
    return ordered if found == known else rows


def sorted_order(rows: Rows) -> np.ndarray:
    """Return the indices (N,) that sort rows (N, 785) by their bytes."""
    contiguous = np.ascontiguousarray(rows)
    return np.argsort(contiguous.view(f"S{contiguous.shape[1]}").ravel(), kind="stable")


def _arrays(rows: Rows) -> tuple[Rows, Rows]:
    """Return images (N, 28, 28) and labels (N,)."""
    return rows[:, 1:].reshape(-1, SIDE, SIDE), rows[:, 0]


def _idx(values: Rows) -> bytes:
    """Return the content of an IDX file."""
    return struct.pack(f">{1 + values.ndim}I", _MAGIC + values.ndim, *values.shape) + values.tobytes()


def _sum_of_file(path: Path) -> str:
    try:
        with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}); check its permissions and its disk"
        ) from error


def _valid_sums(folder: Path, keys: Sequence[str]) -> list[str] | None:
    """Return the SHA-256 sums of converted images and labels, or None if they are missing or damaged."""
    try:
        files = json.loads(read_file(folder / _INDEX))
        names = [FASHION_MNIST[key].name for key in keys]
        found = {name: hashlib.sha256(read_file(folder / name)).hexdigest() for name in names}
    except (OSError, ValueError, RecursionError):
        return None
    return [*found.values()] if found == files else None


def _write(folder: Path, contents: dict[str, bytes], sums: list[str]) -> None:
    names = [FASHION_MNIST[key].name for key in contents]
    try:
        with renewed_folder(folder) as new:
            for name, content in zip(names, contents.values(), strict=True):
                (new / name).write_bytes(content)
            (new / _INDEX).write_text(json.dumps(dict(zip(names, sums, strict=True)), indent=1))
    except (OSError, RunFolderError) as error:
        raise unwritable(folder.parent.parent, error) from error
