"""Reads and validates IDX files, so that damaged files are reported and never used.

torchvision's reader accepts truncated, swapped or altered files, or raises an ``AssertionError`` without a
message. Here every file is checked before torchvision reads it.

Format: http://yann.lecun.com/exdb/mnist/ (two zero bytes, a type code, the number of dimensions, each
dimension as a big-endian 32-bit number, then the values).
"""

import gzip
import hashlib
import io
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dcgan_lightning.core.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
MAXIMUM_SIZE = 2 * 1024**3  # bytes; limit for files whose size is known from their header only
CLASSES = 10

_UNSIGNED_BYTES = 0x08
_KINDS = {3: "images (magic 0x00000803)", 1: "labels (magic 0x00000801)"}
_LONGEST_HEADER = 16
_CHUNK = 1024**2


@dataclass(frozen=True)
class IdxFile:
    """Expected contents of a file.

    Attributes:
        name: File name without ``.gz``.
        shape: Dimensions, (N, 28, 28) of images or (N,) of labels.
        sha256: SHA-256 of the uncompressed file, header included.
    """

    name: str
    shape: tuple[int, ...]
    sha256: str

    @property
    def size(self) -> int:
        """Bytes of the uncompressed file, header included."""
        return _size(self.shape)


# The sums are those of the files published with Xiao et al. 2017, https://arxiv.org/abs/1708.07747.
FASHION_MNIST: dict[str, IdxFile] = {
    "train_images": IdxFile(
        "train-images-idx3-ubyte",
        (60_000, 28, 28),
        "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    ),
    "train_labels": IdxFile(
        "train-labels-idx1-ubyte",
        (60_000,),
        "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    ),
    "test_images": IdxFile(
        "t10k-images-idx3-ubyte",
        (10_000, 28, 28),
        "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    ),
    "test_labels": IdxFile(
        "t10k-labels-idx1-ubyte",
        (10_000,),
        "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
    ),
}


class _DamagedError(Exception):
    """A damaged file; the message does not yet include the path and the remedy.

    Args:
        reason: The fault.
        remedy: The remedy, if it is not to replace the file with an intact copy.
    """

    def __init__(self, reason: str, remedy: str | None = None) -> None:
        super().__init__(reason)
        self.remedy = remedy


def read_idx_bytes(path: Path, expected: IdxFile | None, rank: int | None = None) -> bytes:
    """Read a raw or gzipped IDX file and check all of it.

    Gzip is detected by the content, not by the name. At most one byte more than the expected size is
    decompressed, which limits the memory for a gzip bomb.

    Args:
        path: The file.
        expected: Expected contents; None: any 28 x 28 images or any labels are accepted.
        rank: 3 for images, 1 for labels; None: according to ``idx3`` or ``idx1`` in the name.

    Returns:
        The uncompressed file, including its header.

    Raises:
        DataError: The file is missing or damaged, or has other contents.
    """
    name = expected.name if expected else path.name
    remedy = f"replace it with an intact copy of {name}"
    try:
        if path.exists() and not path.is_file():
            raise _DamagedError("is not a regular file")
        with path.open("rb") as file:
            return _read_checked(file, (rank,) if rank else _ranks(path, expected), expected)
    except FileNotFoundError:
        raise DataError(f"{path}: missing; put {name} or {name}.gz there") from None
    except _DamagedError as damage:
        raise DataError(f"{path}: {damage}; {damage.remedy or remedy}") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DataError(f"{path}: damaged gzip data ({error}); {remedy}") from error
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}); check its permissions and its disk"
        ) from error


def check_pair(images_path: Path, labels_path: Path) -> int:
    """Check the images and labels of a 28 x 28 set, and that their numbers are equal.

    Returns:
        The number of images.

    Raises:
        DataError: A file is damaged, or the numbers of images and labels differ.
    """
    images = count_items(read_idx_bytes(images_path, None, rank=3))
    labels = count_items(read_idx_bytes(labels_path, None, rank=1))
    if images != labels:
        raise DataError(
            f"{labels_path}: holds {labels:,} labels for the {images:,} images of {images_path.name}; "
            f"replace one of the two, so that they belong together"
        )
    return images


def check_labels(path: Path, content: bytes, classes: int = CLASSES) -> None:
    """Check that all labels are below the number of classes.

    Args:
        path: Path of the file, for the message.
        content: A label file as returned by `read_idx_bytes`.
        classes: Number of classes.

    Raises:
        DataError: A label is not below ``classes``.
    """
    labels = content[8:]
    largest = max(labels)
    if largest >= classes:
        raise DataError(
            f"{path}: label {labels.index(largest):,} is {largest}, expected 0 to {classes - 1}; "
            f"replace it with an intact copy or with a set of {classes} classes"
        )


def is_gzipped(path: Path) -> bool:
    """Return whether a file is gzipped, according to its first two bytes."""
    with path.open("rb") as file:
        return file.read(2) == GZIP_MAGIC


def _ranks(path: Path, expected: IdxFile | None) -> tuple[int, ...]:
    """Return the numbers of dimensions the file may have."""
    if expected:
        return (len(expected.shape),)
    return tuple(rank for rank in _KINDS if f"idx{rank}" in path.name.lower()) or tuple(_KINDS)


def _read_checked(file: IO[bytes], ranks: tuple[int, ...], expected: IdxFile | None) -> bytes:
    gzipped = file.read(2) == GZIP_MAGIC
    file.seek(0)
    if not gzipped:
        return _read_unpacked(file, ranks, expected)
    try:
        return _read_unpacked(gzip.open(file), ranks, expected)
    except _DamagedError as damage:
        raise _DamagedError(f"is gzipped and, unpacked, {damage}", damage.remedy) from None


def _read_unpacked(
    stream: IO[bytes] | gzip.GzipFile, ranks: tuple[int, ...], expected: IdxFile | None
) -> bytes:
    header = stream.read(_LONGEST_HEADER)
    shape = _parse_header(header, ranks)
    _check_shape(shape, expected)
    size = _size(shape)
    content = _read_at_most(stream, header, size + 1)
    if len(content) != size:
        found = f"only {len(content):,}" if len(content) < size else f"more than {size:,}"
        raise _DamagedError(f"holds {found} bytes, expected {size:,}")
    if expected and (digest := hashlib.sha256(content).hexdigest()) != expected.sha256:
        raise _DamagedError(
            f"has the right form but not Fashion-MNIST's content (SHA-256 {digest[:16]}..., expected "
            f"{expected.sha256[:16]}...; another data set needs data.verify=false)"
        )
    return content


def _parse_header(header: bytes, ranks: tuple[int, ...]) -> tuple[int, ...]:
    """Return the shape in a header."""
    if not header:
        raise _DamagedError("is empty (0 bytes)")
    if looks := _looks_like(header):
        raise _DamagedError(f"is {looks}, not an IDX file")
    if len(header) < 4:
        raise _DamagedError(f"holds {len(header)} bytes, less than an IDX header ({4 + 4 * min(ranks)})")
    zero, code, rank = struct.unpack(">HBB", header[:4])
    if zero != 0:
        raise _DamagedError(
            f"is not an IDX file: its first bytes are {header[:4].hex(' ')}, expected 00 00 08"
        )
    if code != _UNSIGNED_BYTES:
        raise _DamagedError(f"holds values of type 0x{code:02X}, expected 0x{_UNSIGNED_BYTES:02X} (bytes)")
    if rank not in ranks:
        found = _KINDS.get(rank, f"values of {rank} dimensions")
        raise _DamagedError(f"holds {found}, expected {' or '.join(_KINDS[rank] for rank in ranks)}")
    if len(header) < 4 + 4 * rank:
        raise _DamagedError(f"holds {len(header)} bytes, less than its header ({4 + 4 * rank})")
    return struct.unpack(f">{rank}I", header[4 : 4 + 4 * rank])


def _looks_like(head: bytes) -> str | None:
    """Describe a web page or a text that a server or an editor left in place of a file."""
    if head.lstrip().startswith(b"<"):
        return "a web page (HTML)"
    if all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in head):
        return f"text ('{head.decode().splitlines()[0]}...')"
    return None


def _check_shape(shape: tuple[int, ...], expected: IdxFile | None) -> None:
    if expected:
        if shape != expected.shape:
            raise _DamagedError(f"holds {_describe(shape)}, expected {_describe(expected.shape)}")
        return
    if shape[0] < 1:
        raise _DamagedError("holds 0 items, expected at least 1")
    if shape[1:] not in ((), (28, 28)):
        height, width = shape[1:]
        raise _DamagedError(
            f"holds images of {height} x {width} pixels, expected 28 x 28",
            "resize them, or use another data set",
        )
    if _size(shape) > MAXIMUM_SIZE:
        raise _DamagedError(f"promises {_size(shape):,} bytes, more than the limit of {MAXIMUM_SIZE:,}")


def _read_at_most(stream: IO[bytes] | gzip.GzipFile, start: bytes, limit: int) -> bytes:
    """Continue reading after ``start`` until the end or until there are ``limit`` bytes in total.

    It reads in chunks, because one large ``read`` would allocate the size in a false header.
    """
    content = io.BytesIO()
    content.write(start[:limit])
    while (missing := limit - content.tell()) > 0 and (chunk := stream.read(min(missing, _CHUNK))):
        content.write(chunk)
    return content.getvalue()


def _size(shape: tuple[int, ...]) -> int:
    return 4 + 4 * len(shape) + math.prod(shape)


def count_items(content: bytes) -> int:
    """Return the number of images or labels in a file's content (see `read_idx_bytes`)."""
    return int(struct.unpack(">I", content[4:8])[0])


def _describe(shape: tuple[int, ...]) -> str:
    return f"{shape[0]:,} labels" if len(shape) == 1 else " x ".join(map(str, shape)) + " values"
