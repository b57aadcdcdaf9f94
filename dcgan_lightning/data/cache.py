"""The data cache: verified files, each there whole or not at all.

A process that is interrupted removes what it had begun. What a killed one leaves has a temporary name and is
removed a day later.
"""

import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from dcgan_lightning.errors import DataError, RunFolderError
from dcgan_lightning.files import TEMPORARY_PREFIX, write_atomic

LAYOUT = Path("FashionMNIST", "raw")  # torchvision's, below its root
STALE_AFTER = 24 * 3600  # seconds; a younger temporary file may belong to a process at work


def store(contents: Mapping[str, bytes], cache: Path) -> None:
    """Put verified content into the cache, except what it has already.

    Args:
        contents: Uncompressed content under each file's name.
        cache: The data cache.

    Raises:
        DataError: It cannot be written.
    """
    for name, content in contents.items():
        path = cache / LAYOUT / name
        if _is_same(path, content):
            continue
        try:
            write_atomic(path, content)
        except RunFolderError as error:
            raise _unusable(cache, error) from error


def _is_same(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False


def workshop(cache: Path) -> tempfile.TemporaryDirectory[str]:
    """Return a temporary folder in the cache; it is gone at the end, whatever the end.

    Raises:
        DataError: The cache cannot be written.
    """
    try:
        cache.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryDirectory(
            prefix=f"{TEMPORARY_PREFIX}fetch-", dir=cache, ignore_cleanup_errors=True
        )
    except OSError as error:
        raise _unusable(cache, error) from error


def _unusable(cache: Path, error: Exception) -> DataError:
    return DataError(
        f"the data cache {cache} cannot be written ({error}); "
        f"choose a folder you can write with DCGAN_DATA_DIR=FOLDER or data.cache_dir=FOLDER"
    )


def remove_stale(cache: Path) -> None:
    """Delete the temporary files that a killed process left a day ago or longer."""
    for folder in filter(can_be_listed, (cache, cache / LAYOUT)):
        for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
            try:
                if time.time() - path.lstat().st_mtime < STALE_AFTER:
                    continue
                if path.is_dir() and not path.is_symlink():
                    shutil.rmtree(path)
                else:
                    path.unlink()
            except OSError:
                continue  # another process was faster, or it is not ours to delete


def can_be_listed(folder: Path) -> bool:
    """Tell whether this is a folder whose files may be seen."""
    return os.path.isdir(folder) and os.access(folder, os.R_OK | os.X_OK)
