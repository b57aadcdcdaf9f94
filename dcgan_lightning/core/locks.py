"""The lock of a run's folder: one process owns the folder, and detects the loss of the lock."""

import contextlib
import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.core.regular_files import open_regular

try:
    import fcntl
except ImportError:  # Windows has no such locks; runs are not guarded against each other there
    fcntl = None  # type: ignore[assignment]

LOCK_FILE = ".lock"
# Of file systems without locks, such as some network drives.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


@dataclass(frozen=True)
class Ownership:
    """What a process owns while it runs: a folder, known by a file in it that is open all the time.

    Attributes:
        folder: Absolute.
        device: Of the file.
        inode: Of the file; no other file can get this number while the file is open.
        file: Name of the file in the folder; "." is the folder itself.
    """

    folder: Path
    device: int
    inode: int
    file: str = LOCK_FILE

    def check(self) -> None:
        """Raise an error if the folder was removed or belongs to another process.

        Raises:
            RunFolderError: It does.
        """
        try:
            found = os.lstat(self.folder / self.file)
        except OSError:
            what = f"{self.file} in it was" if self.folder.is_dir() else "it was"
            raise _lost(self.folder, f"{what} deleted or moved away") from None
        if (found.st_dev, found.st_ino) != (self.device, self.inode):
            raise _lost(self.folder, "another process has taken its place")

    def covers(self, path: Path | str) -> bool:
        """Return whether a path lies in the folder."""
        return Path(os.path.abspath(path)).is_relative_to(self.folder)


_owned: list[Ownership] = []  # by this process


def ownership_of(path: Path | str) -> Ownership | None:
    """Return the folder owned by this process that contains a path, if there is one."""
    return next((owned for owned in reversed(_owned) if owned.covers(path)), None)


def check_ownership(path: Path | str) -> None:
    """Refuse to write into a folder whose lock this process has lost.

    Raises:
        RunFolderError: The folder was removed or belongs to another process.
    """
    if (owned := ownership_of(path)) is not None:
        owned.check()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[Ownership]:
    """Lock a folder while the block runs. The kernel releases the lock when the process ends, even if killed.

    Args:
        folder: Made if missing, and then removed if empty in the end; the lock is its file ``.lock``, which
            holds the owner's process number.

    Raises:
        RunFolderError: Another process owns the folder, or ``.lock`` is not a regular file.
    """
    path = folder / LOCK_FILE
    made = missing_folders(folder)
    handle = _open_lock(path)
    try:
        _check_ours(path, handle)
    except RunFolderError:
        os.close(handle)
        raise
    try:
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        status = os.fstat(handle)
        owned = Ownership(Path(os.path.abspath(folder)), status.st_dev, status.st_ino)
        _owned.append(owned)
        try:
            yield owned
        finally:
            _owned.remove(owned)
    finally:
        _unlink(path, handle)
        os.close(handle)
        remove_empty(made)


@contextlib.contextmanager
def held(folder: Path) -> Iterator[Ownership]:
    """Notice while the block runs if a folder is deleted or replaced; other processes may write into it too.

    Args:
        folder: Must exist.

    Raises:
        OSError: It cannot be opened, as any folder on Windows.
    """
    handle = os.open(folder, os.O_RDONLY)
    status = os.fstat(handle)
    owned = Ownership(Path(os.path.abspath(folder)), status.st_dev, status.st_ino, file=".")
    _owned.append(owned)
    try:
        yield owned
    finally:
        _owned.remove(owned)
        os.close(handle)


def _check_ours(path: Path, handle: int) -> None:
    """Refuse a file of the lock's name that holds anything but a process number.

    Raises:
        RunFolderError: Names the file.
    """
    content = os.pread(handle, 32, 0) if hasattr(os, "pread") else b""
    if content and not content.isdigit():
        raise RunFolderError(f"{path} is not the lock of a run; rename it, or choose another run_name")


def is_locked(folder: Path) -> bool:
    """Return whether a process owns a folder (see `locked`); never where there are no such locks."""
    if fcntl is None:
        return False
    try:
        handle = open_regular(folder / LOCK_FILE, os.O_RDONLY, follow_links=False)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(handle)
    return False


def is_abandoned(folder: Path) -> bool:
    """Return whether the process that owned a folder was killed; never where there are no such locks."""
    return fcntl is not None and lock_owner(folder) is not None and not is_locked(folder)


def lock_owner(folder: Path) -> int | None:
    """Return the number of the process that owns a folder, from its lock file."""
    try:
        handle = open_regular(folder / LOCK_FILE, os.O_RDONLY, follow_links=False)
    except OSError:
        return None
    try:
        return int(os.read(handle, 20))
    except ValueError:
        return None
    finally:
        os.close(handle)


def missing_folders(folder: Path) -> list[Path]:
    """Return the missing ones of a folder and its parents, the deepest first."""
    path = Path(os.path.abspath(folder))
    return [each for each in (path, *path.parents) if not os.path.lexists(each)]


def remove_empty(folders: list[Path]) -> None:
    """Remove folders, from the first to the last, until one of them is not empty."""
    for folder in folders:
        try:
            folder.rmdir()
        except FileNotFoundError:
            continue
        except OSError:
            return


def _open_lock(path: Path) -> int:
    """Return the open and locked file; only its owner empties it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            handle = open_regular(path, os.O_RDWR | os.O_CREAT, follow_links=False)
            try:
                _lock(handle)
            except BaseException:
                os.close(handle)
                raise
            if _is_at(path, handle):
                return handle
            os.close(handle)  # its owner removed it while it was being opened
    except BlockingIOError:
        owner = lock_owner(path.parent) or "unknown"
        raise RunFolderError(
            f"{path.parent} is in use by process {owner}; wait for it, or choose another run_name"
        ) from None
    except OSError as error:
        remedy = (
            f"remove {LOCK_FILE}, or choose another run_name"
            if os.path.lexists(path)
            else "choose another folder"
        )
        raise RunFolderError(f"cannot write {path}: {error.strerror or error}; {remedy}") from error


def _lock(handle: int) -> None:
    if fcntl is None:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise


def _is_at(path: Path, handle: int) -> bool:
    """Return whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(handle), os.lstat(path))
    except OSError:
        return False


def _unlink(path: Path, handle: int) -> None:
    """Remove this process' own lock file, and no other that has taken its place."""
    with contextlib.suppress(OSError):  # Windows cannot remove an open file: there it stays
        if _is_at(path, handle):
            path.unlink()


def _lost(folder: Path, what: str) -> RunFolderError:
    return RunFolderError(
        f"{folder} no longer belongs to this command: {what}; nothing more is written; "
        "start again under another run_name"
    )
