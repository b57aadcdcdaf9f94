"""Temporary files and folders: their names hold the owning process, so leftovers can be removed.

A name such as ``.dcgan-lightning-<machine>-<process>-<its start>-<random>-<checksum>-<what it becomes>-tmp``
belongs to this project alone. A leftover is removed by the next command that writes into the same folder: at
once if its process is gone, a day later if it comes from another machine. Links are neither followed nor
removed, and nothing with another name is ever touched, such as the ``.tmp-*`` that earlier versions left.
"""

import contextlib
import functools
import hashlib
import os
import platform
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

PREFIX = ".dcgan-lightning-"
OLD_PREFIX = ".tmp-"  # of earlier versions, and of many other programs
STALE_AFTER = 24 * 3600  # seconds; whether a process on another machine lives is unknown

_NAME = re.compile(
    r"\.dcgan-lightning-([0-9a-f]{12})-(\d+)-(\d+)-([0-9a-f]{8})-([0-9a-f]{8})-.*-tmp", re.DOTALL
)
_REPLACED = "replaced"  # in a temporary folder: what it is about to replace; goes back if its place is free
_READY = "ready"  # in a temporary folder: files to be published together; the next command completes this

_cleaned: set[str] = set()  # folders in which this process has removed leftovers


def temporary_path(folder: Path, name: str) -> Path:
    """Return a free path in a folder for a file or folder that is renamed later."""
    owner = f"{_machine()}-{os.getpid()}-{_start_of(os.getpid())}-{secrets.token_hex(4)}"
    return folder / f"{PREFIX}{owner}-{_checksum(owner)}-{name[-24:]}-tmp"


def is_temporary(name: str) -> bool:
    """Return whether a file name is one of `temporary_path`."""
    return _owner(name) is not None


@contextlib.contextmanager
def temporary_folder(parent: Path, name: str) -> Iterator[Path]:
    """Yield a new folder in another one; if it has not been renamed, it is removed in the end."""
    remove_leftovers(parent)
    folder = temporary_path(parent, name)
    folder.mkdir()
    try:
        yield folder
    finally:
        if folder.is_dir():
            with contextlib.suppress(OSError):  # then the next command tries again
                _discard(folder)


def remove_leftovers(folder: Path) -> None:
    """Remove what killed processes have left in a folder, but not in folders below it.

    What was about to be replaced goes back to its place, and a publication of several files is completed.
    """
    _cleaned.add(os.path.abspath(folder))
    try:
        leftovers = [entry for entry in os.scandir(folder) if _is_leftover(entry)]
    except OSError:
        return
    for entry in leftovers:
        with contextlib.suppress(OSError):  # another process was faster, or it is not ours to delete
            _discard(Path(entry.path)) if entry.is_dir(follow_symlinks=False) else os.unlink(entry.path)


def remove_leftovers_once(folder: Path) -> None:
    """Remove leftovers unless this process has done so: `write_atomic` calls this each time."""
    if os.path.abspath(folder) not in _cleaned:
        remove_leftovers(folder)


def replace_folder(workshop: Path, new: Path, target: Path) -> None:
    """Replace a folder by another one; a process killed meanwhile loses neither.

    Args:
        workshop: From `temporary_folder`, beside the target.
        new: Within the workshop.
        target: Need not exist.
    """
    replaced = workshop / _REPLACED
    replaced.mkdir()
    if target.exists():
        os.rename(target, replaced / target.name)
    os.rename(new, target)


def publish_files(workshop: Path, new: Path) -> None:
    """Rename several files; if the process is killed meanwhile, the next one renames the rest.

    Args:
        workshop: From `temporary_folder`; the files go into the folder that it lies in.
        new: Within the workshop, holds the files.
    """
    os.rename(new, workshop / _READY)
    _complete(workshop)


def is_taken(path: Path) -> bool:
    """Return whether there is anything but an empty folder."""
    if path.is_dir() and not path.is_symlink():
        return any(path.iterdir())
    return os.path.lexists(path)


def _discard(workshop: Path) -> None:
    """Remove a temporary folder, after moving the files that are still needed to their places."""
    _complete(workshop)
    replaced = workshop / _REPLACED
    if replaced.is_dir():
        for path in replaced.iterdir():
            target = workshop.parent / path.name
            if not is_taken(target):
                os.rename(path, target)
        os.rename(replaced, workshop / "outdated")  # half removed, it must never go back
    shutil.rmtree(workshop, ignore_errors=True)


def _complete(workshop: Path) -> None:
    if (workshop / _READY).is_dir():
        for path in sorted((workshop / _READY).iterdir()):
            if not (target := workshop.parent / path.name).is_dir():
                os.replace(path, target)


def _is_leftover(entry: os.DirEntry[str]) -> bool:
    """Return whether a file or folder is a leftover of an ended process of this project."""
    owner = _owner(entry.name)
    if owner is None or entry.is_symlink():
        return False
    machine, process, start = owner
    if machine == _machine() and os.name != "nt":  # Windows cannot ask for a process without ending it
        return not _is_alive(process, start)
    return time.time() - _newest_change(entry) > STALE_AFTER


def _owner(name: str) -> tuple[str, int, str] | None:
    """Return (machine, process, its start) that a temporary name holds, or None for any other name."""
    match = _NAME.fullmatch(name)
    if match is None or _checksum("-".join(match.groups()[:4])) != match[5]:
        return None
    return match[1], int(match[2]), match[3]


def _checksum(owner: str) -> str:
    return hashlib.sha256(f"temporary of dcgan_lightning: {owner}".encode()).hexdigest()[:8]


@functools.cache
def _machine() -> str:
    """Return what distinguishes this machine, its boot and its container from all others."""
    parts = [platform.node()]
    with contextlib.suppress(OSError):  # not on Linux
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text())
        parts.append(
            str(os.stat("/proc/self/ns/pid").st_ino)
        )  # process numbers count from 1 in each container
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]


def _start_of(process: int) -> str:
    """Return when a process started, in ticks since the boot; "0" if that is unknown, "" if it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:  # not on Linux
        return "0"
    return "" if fields[0] in "ZX" else fields[19]


def _is_alive(process: int, start: str) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # it belongs to another user
        pass
    return _start_of(process) in (start, "0")


def _newest_change(entry: os.DirEntry[str]) -> float:
    """Return when anything was last changed in a file or folder, one level deep."""
    times = [entry.stat(follow_symlinks=False).st_mtime]
    if entry.is_dir(follow_symlinks=False):
        times += [below.stat(follow_symlinks=False).st_mtime for below in os.scandir(entry.path)]
    return max(times)
