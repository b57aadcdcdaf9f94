"""The folder of the data cache, which holds fetched and prepared data."""

import os
from pathlib import Path

from dcgan_lightning.core.errors import DataError, is_disk_full


def default_cache_dir() -> Path:
    """Return the data cache: ``DCGAN_DATA_DIR``, else ``dcgan_lightning`` in the user's cache folder.

    Raises:
        DataError: The user has no home folder.
    """
    if chosen := os.environ.get("DCGAN_DATA_DIR"):
        return Path(os.path.expanduser(chosen)).absolute()
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches, "dcgan_lightning")
    try:
        return Path.home() / ".cache" / "dcgan_lightning"
    except RuntimeError:
        raise DataError("no home folder for the data cache; set DCGAN_DATA_DIR=FOLDER") from None


def unwritable(cache: Path, error: Exception) -> DataError:
    """Return the error to raise if the data cache cannot be written."""
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    reason = (cause.strerror if isinstance(cause, OSError) else None) or str(error)
    space = "free some space, or " if isinstance(cause, OSError) and is_disk_full(cause) else ""
    return DataError(
        f"the data cache {cache} cannot be written ({reason}); {space}"
        f"choose a folder you can write with DCGAN_DATA_DIR=FOLDER or data.cache_dir=FOLDER"
    )


def can_be_listed(folder: Path) -> bool:
    """Return whether a path is a folder with permission to list its files."""
    return os.path.isdir(folder) and os.access(folder, os.R_OK | os.X_OK)
