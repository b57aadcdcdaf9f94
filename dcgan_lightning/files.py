"""Files that are either whole or not there.

Everything the project keeps is written through `write_atomic`, so a run that is killed at any moment leaves
the previous version of each file or the new one, and nothing in between.
"""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dcgan_lightning.errors import RunFolderError

try:
    import fcntl
except ImportError:  # Windows has no such locks; runs are not guarded against each other there
    fcntl = None  # type: ignore[assignment]

TEMPORARY_PREFIX = ".tmp-"
LOCK_FILE = ".lock"


def write_atomic(path: Path | str, data: bytes | memoryview) -> None:
    """Write a file so that readers see the old content or the new, also after a crash.

    The data goes to a temporary file in the target's own folder (a rename across file systems would be a
    copy), is flushed to the disk and then renamed.

    Args:
        path: Target; its folder is made if missing.
        data: The whole content.

    Raises:
        RunFolderError: The folder cannot be written, or the disk is too full. The previous file is intact
            and no temporary file is left.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if len(data) > _free_bytes(path.parent):  # else the disk would be filled to the brim first
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        handle, name = tempfile.mkstemp(prefix=f"{TEMPORARY_PREFIX}{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o666 & ~_umask())  # mkstemp's files are private
            os.replace(name, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise RunFolderError(
            f"cannot write {path}: {error.strerror or error} ({len(data):,} bytes needed, "
            f"{_free_bytes(path.parent):,} free); free some space or choose another folder"
        ) from error


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Own a folder while the block runs. The kernel gives it free when the process ends, however it ends.

    Args:
        folder: Made if missing, and removed if empty in the end; the lock is its file ``.lock``, which holds
            the owner's process number.

    Raises:
        RunFolderError: Another process owns the folder.
    """
    path = folder / LOCK_FILE
    handle = _open_lock(path)
    try:
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(handle)
        with contextlib.suppress(OSError):
            folder.rmdir()  # if nothing was written


def _open_lock(path: Path) -> int:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            if fcntl is not None:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(handle), path.stat()):
                return handle
            os.close(handle)  # its owner removed it while it was being opened
    except BlockingIOError:
        owner = path.read_text() or "unknown"
        raise RunFolderError(
            f"{path.parent} is in use by process {owner}; wait for it, or choose another run_name"
        ) from None
    except OSError as error:
        raise RunFolderError(
            f"cannot write {path.parent}: {error.strerror or error}; choose another folder"
        ) from error


def is_locked(folder: Path) -> bool:
    """Tell whether a process owns a folder (see `locked`); never where there are no such locks."""
    if fcntl is None:
        return False
    try:
        handle = os.open(folder / LOCK_FILE, os.O_RDONLY)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(handle)
    return False


def remove_stale_temporaries(folder: Path) -> None:
    """Delete what a killed process left of its temporary files in a folder (not in folders below it)."""
    for path in folder.glob(f"{TEMPORARY_PREFIX}*"):
        if path.is_file() and not path.is_symlink():
            path.unlink(missing_ok=True)


def remove_if_empty(folder: Path) -> None:
    """Remove a folder, and the one above it, if there is nothing in them; the working folder stays."""
    here = Path.cwd()
    for path in (folder.resolve(), folder.resolve().parent):
        if path == here or path in here.parents:
            return
        try:
            path.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open folders; its rename is durable enough
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _free_bytes(folder: Path) -> int:
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free
