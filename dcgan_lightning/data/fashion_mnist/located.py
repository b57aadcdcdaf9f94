"""The located files of a set, and loading of its images and labels with torchvision."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.data.fashion_mnist.idx import (
    CLASSES,
    FASHION_MNIST,
    check_labels,
    is_gzipped,
    read_idx_bytes,
)

if TYPE_CHECKING:
    from torch import Tensor

Split = Literal["train", "test"]


@dataclass(frozen=True)
class Located:
    """The checked files of a set: the four of Fashion-MNIST, or training images and any others.

    Attributes:
        folder: Folder of the files; those of Fashion-MNIST have their usual names and are uncompressed.
        source: Origin of the files, as part of a sentence.
        files: Paths by key: "train_images", "train_labels", "test_images", "test_labels".
        is_transposed: Whether the images are stored by columns.
    """

    folder: Path
    source: str
    files: dict[str, Path] = field(default_factory=dict, compare=False, repr=False)
    is_transposed: bool = False


def load_images(located: Located, split: Split, verify: bool) -> "Tensor":
    """Read the images of a split with torchvision.

    Args:
        located: From `sources.locate`.
        split: The split.
        verify: Compare the SHA-256 sum again.

    Returns:
        uint8 (N, 28, 28).

    Raises:
        DataError: The set has no such images, or the file was damaged after it had been located.
    """
    from torchvision.datasets.mnist import read_image_file

    images = _through_torchvision(read_image_file, located, f"{split}_images", verify)
    return images.transpose(1, 2).contiguous() if located.is_transposed else images


def load_labels(located: Located, split: Split, verify: bool, classes: int = CLASSES) -> "Tensor":
    """Read the labels of a split with torchvision.

    Args:
        located: From `sources.locate`.
        split: The split.
        verify: Compare the SHA-256 sum again.
        classes: Number of classes.

    Returns:
        int64 (N,), below ``classes``.

    Raises:
        DataError: The set has no such labels, a label is not below ``classes``, or the file was damaged after
            it had been located.
    """
    from torchvision.datasets.mnist import read_label_file

    return _through_torchvision(read_label_file, located, f"{split}_labels", verify, classes)


def _through_torchvision(
    read: Callable[[str], "Tensor"], located: Located, key: str, verify: bool, classes: int = CLASSES
) -> "Tensor":
    """Check a file, then read it with torchvision, which accepts uncompressed files only."""
    file = FASHION_MNIST[key]
    path = located.files.get(key)
    if path is None:
        what = {
            "train_images": "training images",
            "test_images": "test images",
            "train_labels": "labels of the training images",
            "test_labels": "labels of the test images",
        }
        raise DataError(
            f"{located.folder} holds no {what[key]}, which are needed here; "
            f"add a file such as {file.name}, or use another data set"
        )
    content = read_idx_bytes(path, file if verify else None, len(file.shape))
    if len(file.shape) == 1:
        check_labels(path, content, classes)
    if not is_gzipped(path):
        return read(str(path))
    try:
        with tempfile.TemporaryDirectory() as folder:
            unpacked = Path(folder, file.name)
            unpacked.write_bytes(content)
            return read(str(unpacked))
    except OSError as error:
        raise DataError(f"{path}: cannot be unpacked ({error}); unpack it yourself, with gunzip") from error
