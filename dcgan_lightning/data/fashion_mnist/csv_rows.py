"""Reads and validates CSV files of a label and 28 x 28 pixels per row, as Kaggle publishes Fashion-MNIST.

The first line may name the columns. Rows are parsed with NumPy in large blocks; an invalid block is read
again line by line, to name its first fault.
"""

import gzip
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.core.regular_files import open_regular
from dcgan_lightning.data.fashion_mnist.idx import GZIP_MAGIC, MAXIMUM_SIZE

SIDE = 28
COLUMNS = 1 + SIDE * SIDE
_EXPECTED = f"expected {COLUMNS}: a label and {SIDE} x {SIDE} pixels"
_BLOCK = 1 << 22  # bytes that are parsed at once
_LONGEST_LINE = 1 << 16  # bytes
_ZIP_MAGIC = b"PK\x03\x04"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

Rows = NDArray[np.uint8]
"""Shape (N, 785): labels and pixels, row by row."""


class _FaultError(Exception):
    """An invalid file; the message does not yet include the path and the remedy."""


def read_rows(path: Path) -> Rows:
    """Read a CSV file, plain, gzipped or in a ZIP archive.

    Args:
        path: The file; its content tells whether it is packed.

    Returns:
        At least one row.

    Raises:
        DataError: The file is missing or damaged, or a row, column or value is invalid; the message is one
            line with the file and the number of the line, from 1.
    """
    try:
        with _open(path) as file:
            return np.concatenate([*_parse(file)])
    except _FaultError as fault:
        raise DataError(f"{path}: {fault}; replace it with an intact copy") from None
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile, RuntimeError) as error:
        reason = " ".join(str(error).split())  # RuntimeError: an encrypted archive, an unknown compression
        raise DataError(f"{path}: cannot be unpacked ({reason}); unpack it yourself") from error
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error}); check its permissions and its disk"
        ) from error


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    """Yield the unpacked content of a file."""
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
        magic = file.read(len(_ZIP_MAGIC))
        file.seek(0)
        if magic.startswith(GZIP_MAGIC):
            with gzip.open(file) as unpacked:
                yield unpacked  # type: ignore[misc]
        elif magic == _ZIP_MAGIC:
            with zipfile.ZipFile(file) as archive, archive.open(_only_table(archive)) as unpacked:
                yield unpacked
        else:
            yield file


def _only_table(archive: zipfile.ZipFile) -> str:
    names = archive.namelist()
    tables = [name for name in names if name.lower().endswith(".csv") and not name.startswith("__MACOSX/")]
    if len(tables) != 1:
        raise _FaultError(f"holds {len(tables)} CSV files, expected 1: unpack it into the folder")
    return tables[0]


def _parse(file: IO[bytes]) -> Iterator[Rows]:
    """Yield the rows of one block of lines after the other."""
    number, count = 1, 0
    for block in _blocks(file):
        if number == 1 and not block[:1].isdigit():
            header, _, block = block.removeprefix(_BYTE_ORDER_MARK).partition(b"\n")
            if not header[:1].isdigit():
                _check_header(header)
                number = 2
            else:
                block = header + b"\n" + block
        rows = _parse_block(block)
        if rows is None:
            raise _first_fault(block, number)
        number += len(rows)
        count += rows.size
        if count > MAXIMUM_SIZE:
            raise _FaultError(f"holds more than the limit of {MAXIMUM_SIZE:,} values")
        yield rows
    if not count:
        raise _FaultError("holds no rows of values" if number > 1 else "is empty")


def _blocks(file: IO[bytes]) -> Iterator[bytes]:
    """Yield blocks of whole lines with their line feeds; blank lines at the end of the file are ignored."""
    rest = b""
    while piece := file.read(_BLOCK):
        rest = (rest + piece).replace(b"\r\n", b"\n")
        end = rest.rstrip(b"\r\n").rfind(b"\n") + 1
        if end:
            yield rest[:end]
        rest = rest[end:]
        if len(rest) > _LONGEST_LINE:
            raise _FaultError(f"a line has more than {_LONGEST_LINE:,} bytes, {_EXPECTED}")
    if rest := rest.rstrip(b"\r\n"):
        yield rest + b"\n"


def _check_header(line: bytes) -> None:
    if line.lstrip().startswith(b"<"):
        raise _FaultError("is a web page (HTML), not a CSV file")
    names = [name.strip(b"\"' ").decode(errors="replace") for name in line.split(b",")]
    if len(names) != COLUMNS:
        raise _FaultError(f"line 1 has {_count(names)}, {_EXPECTED}")
    if names[0].lower() != "label":
        raise _FaultError(f"line 1 names the first column {names[0][:20]!r}, expected 'label'")


def _parse_block(block: bytes) -> Rows | None:
    """Return the rows of whole lines, or None if any is invalid."""
    data = np.frombuffer(block, np.uint8)
    is_digit = data - ord("0") < 10  # bytes below "0" wrap around
    ends = np.flatnonzero(~is_digit)
    lengths = np.diff(ends, prepend=-1) - 1
    if len(ends) % COLUMNS or not ((lengths >= 1) & (lengths <= 3)).all():
        return None
    separators = data[ends].reshape(-1, COLUMNS)
    if not ((separators[:, :-1] == ord(",")).all() and (separators[:, -1] == ord("\n")).all()):
        return None
    values = (data - ord("0"))[ends - 1].astype(np.uint16)
    for place, factor in ((2, 10), (3, 100)):
        (longer,) = np.nonzero(lengths >= place)
        values[longer] += factor * (data[ends[longer] - place] - ord("0")).astype(np.uint16)
    if (values > 255).any():
        return None
    return values.astype(np.uint8).reshape(-1, COLUMNS)


def _first_fault(block: bytes, first: int) -> _FaultError:
    """Return the first fault in invalid lines, the first of which has the number ``first``."""
    for number, line in enumerate(block.split(b"\n"), first):
        values = line.split(b",")
        if len(values) != COLUMNS:
            return _FaultError(f"line {number:,} has {_count(values)}, {_EXPECTED}")
        for column, value in enumerate(values, 1):
            if not (value.isdigit() and len(value) <= 3 and int(value) <= 255):
                shown = value[:20].decode(errors="replace")
                return _FaultError(
                    f"line {number:,}, column {column} holds {shown!r}, expected a whole number from 0 to 255"
                )
    raise AssertionError("the lines are valid")


def _count(values: list[bytes] | list[str]) -> str:
    return f"{len(values):,} column{'s' * (len(values) != 1)}"
