"""Files that are either whole or not there.

Everything the project keeps is written through `write_atomic`, so a run that is killed at any moment leaves
the previous version of each file or the new one, and nothing in between.
"""

import contextlib
import errno
import itertools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
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


def fill_folder(path: Path, fill: Callable[[Path], None], is_numbered: bool = False) -> Path:
    """Make a folder of many files that is either whole or not there.

    The files go to a temporary folder beside it, which is flushed and renamed once: thousands of small files
    would wait for the disk thousands of times. If this fails, nothing is left; what a killed process left is
    removed by the next call.

    Args:
        path: Must not exist, or be empty.
        fill: Writes all files into the folder that it is given.
        is_numbered: If the folder exists, take the first free one of ``path_2``, ``path_3`` and so on.

    Returns:
        The folder.

    Raises:
        RunFolderError: The folder exists, cannot be written, or the disk is too full.
    """
    if not is_numbered:
        check_is_new(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale_folders(path.parent)
        folder = Path(tempfile.mkdtemp(prefix=f"{TEMPORARY_PREFIX}{path.name}-", dir=path.parent))
        handle = _claim(folder)
        try:
            fill(folder)
            os.chmod(folder, 0o777 & ~_umask())  # mkdtemp's folders are private
            if hasattr(os, "sync"):  # not on Windows
                os.sync()
            target = _free_name(path) if is_numbered else path
            check_is_new(target)
            if target.is_dir():
                target.rmdir()
            os.rename(folder, target)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            remove_if_empty(path.parent)
            raise
        finally:
            if handle is not None:
                os.close(handle)
        _sync_folder(path.parent)
    except OSError as error:
        raise RunFolderError(
            f"cannot write {path}: {error.strerror or error} ({_free_bytes(path.parent):,} bytes free); "
            "free some space or choose another folder"
        ) from error
    return target


def check_is_new(path: Path) -> None:
    """Refuse a path where something is already.

    Raises:
        RunFolderError: It is a file, or a folder that is not empty.
    """
    if _holds_anything(path):
        raise RunFolderError(f"{path} exists already, and nothing is overwritten; choose another folder")


def _free_name(path: Path) -> Path:
    others = (path.with_name(f"{path.name}_{number}") for number in itertools.count(2))
    return next(name for name in itertools.chain([path], others) if not _holds_anything(name))


def _holds_anything(path: Path) -> bool:
    return path.is_symlink() or path.is_file() or (path.is_dir() and any(path.iterdir()))


def _claim(folder: Path) -> int | None:
    """Lock a folder while this process lives; return the lock, or None where there are no such locks."""
    if fcntl is None:
        return None
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        raise
    return handle


def _remove_stale_folders(parent: Path) -> None:
    """Delete the temporary folders of processes that are gone; where there are no locks, they stay."""
    for folder in parent.glob(f"{TEMPORARY_PREFIX}*"):
        if folder.is_dir() and not folder.is_symlink():
            with contextlib.suppress(OSError):  # its owner is at work
                if (handle := _claim(folder)) is not None:
                    shutil.rmtree(folder, ignore_errors=True)
                    os.close(handle)


@contextlib.contextmanager
def renewed_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder that takes the place of another one if the block ends well.

    What a killed process left of such folders is removed by the next call.

    Args:
        folder: Replaced as a whole, or made. After an error it is as it was.

    Raises:
        RunFolderError: It cannot be made or replaced.
    """
    folder = folder.resolve()
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_stale_folders(folder.parent)
        new = Path(tempfile.mkdtemp(prefix=f"{TEMPORARY_PREFIX}{folder.name}-", dir=folder.parent))
        handles = [_claim(new)]
    except OSError as error:
        raise _not_writable(folder, error) from error
    old = new.with_name(f"{new.name}-old")
    try:
        yield new
        try:
            new.chmod(0o777 & ~_umask())  # mkdtemp's folders are private
            if folder.exists():
                handles.append(_claim(folder))  # it keeps the lock under its other name
                folder.rename(old)
            new.rename(folder)
        except OSError as error:
            raise _not_writable(folder, error) from error
        _sync_folder(folder.parent)
    finally:
        if old.exists() and not folder.exists():
            old.rename(folder)
        for left in (new, old):
            shutil.rmtree(left, ignore_errors=True)
        for handle in handles:
            if handle is not None:
                os.close(handle)
        remove_if_empty(folder.parent)


def _not_writable(folder: Path, error: OSError) -> RunFolderError:
    return RunFolderError(f"cannot write {folder}: {error.strerror or error}; choose another folder")


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
        raise _not_writable(path.parent, error) from error


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
