"""Files that are either complete or absent.

Everything the project keeps is written through `write_atomic`, so a run that is killed at any moment leaves
the previous version of each file or the new one, and nothing in between. A link that has the file's name is
replaced; what it leads to stays as it is.
"""

import errno
import itertools
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from dcgan_lightning.core.errors import RunFolderError, is_disk_full, remedy_of
from dcgan_lightning.core.locks import check_ownership, missing_folders, remove_empty
from dcgan_lightning.core.temporaries import (
    is_taken,
    publish_files,
    remove_leftovers_once,
    replace_folder,
    temporary_folder,
    temporary_path,
)

_targets: dict[Path, Path] = {}  # temporary folders of this process, and what each becomes


def write_atomic(path: Path | str, data: bytes | memoryview) -> None:
    """Write a file so that readers see the old content or the new, also after a crash.

    The data goes to a temporary file in the target's own folder (a rename across file systems would be a
    copy), is flushed to the disk and then renamed.

    Args:
        path: Target; its folder is made if missing. A link is replaced, not followed.
        data: The whole content.

    Raises:
        RunFolderError: The folder cannot be written, does not belong to this process any more (see
            `core.locks`), or the disk is too full. The previous file is intact and no temporary
            file is left.
    """
    path = Path(path)
    check_ownership(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        remove_leftovers_once(path.parent)
        temporary = temporary_path(path.parent, path.name)
        try:
            _write(temporary, data)
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        _sync_folder(path.parent)
    except OSError as error:
        raise RunFolderError(_refusal(path, error, len(data))) from error


def _write(path: Path, data: bytes | memoryview) -> None:
    """Write a new file and flush it to the disk."""
    if len(data) > _free_bytes(path.parent):  # else the disk would be filled to the brim first
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with open(path, "xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def write_together(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write several files of a folder together: readers never see some old and some new ones.

    Until all are on the disk none has its name. A process that is killed while it names them leaves this to
    the next command that writes into the folder.

    Args:
        folder: Made if missing.
        files: Content under each file's name.

    Raises:
        RunFolderError: They cannot be written; the previous files are intact.
    """
    check_ownership(folder)
    with _making(folder / next(iter(files))), temporary_folder(folder, "files") as workshop:
        for path in (folder / name for name in files):
            if path.is_dir():
                raise RunFolderError(f"cannot write {path}: it is a folder; move it away")
        new = workshop / "new"
        new.mkdir()
        for name, data in files.items():
            _write(new / name, data)
        publish_files(workshop, new)
        _sync_folder(folder)


def fill_folder(path: Path, fill: Callable[[Path], None], is_numbered: bool = False) -> Path:
    """Make a folder of many files that is either complete or absent.

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
    with _making(path), temporary_folder(path.parent, path.name) as folder, _becoming(folder, path):
        fill(folder)
        if hasattr(os, "sync"):  # not on Windows
            os.sync()
        target = _free_name(path) if is_numbered else path
        check_is_new(target)
        if target.is_dir():
            target.rmdir()
        os.rename(folder, target)
        _sync_folder(path.parent)
    return target


@contextmanager
def renewed_folder(folder: Path) -> Iterator[Path]:
    """Yield a new folder that takes the place of another one if the block ends well.

    At every moment the old folder or the new one is whole: in its place, or, after a kill between two steps,
    in a temporary folder beside it, from which the next call puts it back before anything else.

    Args:
        folder: Replaced as a whole, or made. After an error it is as it was.

    Raises:
        RunFolderError: It cannot be made or replaced.
    """
    folder = folder.resolve()
    made = missing_folders(folder.parent)
    try:
        with _naming(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            with temporary_folder(folder.parent, folder.name) as workshop:
                new = workshop / "new"
                new.mkdir()
                with _becoming(new, folder):
                    yield new
                replace_folder(workshop, new, folder)
                _sync_folder(folder.parent)
    finally:
        remove_empty(made)


@contextmanager
def _making(path: Path) -> Iterator[None]:
    """Create the parent folder of a path; remove it again if it is empty in the end."""
    made = missing_folders(path.parent)
    try:
        with _naming(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield
    finally:
        remove_empty(made)


@contextmanager
def _becoming(temporary: Path, target: Path) -> Iterator[None]:
    """Let errors name the file that the user asked for, not the temporary one."""
    _targets[temporary] = target
    try:
        yield
    finally:
        del _targets[temporary]


def _shown(path: Path) -> Path:
    """Return what a path within a temporary folder becomes."""
    for temporary, target in _targets.items():
        if path.is_relative_to(temporary):
            return target / path.relative_to(temporary)
    return path


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Convert the operating system's errors into one that names the file."""
    try:
        yield
    except OSError as error:
        raise RunFolderError(_refusal(path, error)) from error


def _refusal(path: Path, error: OSError, needed: int | None = None) -> str:
    """Return why a file cannot be written and what to do, with the disk's free bytes if it is full."""
    space = ""
    if is_disk_full(error):
        free = f"{_free_bytes(path.parent):,}"
        space = f" ({free} bytes free)" if needed is None else f" ({needed:,} bytes needed, {free} free)"
    return f"cannot write {_shown(path)}: {error.strerror or error}{space}; {remedy_of(error)}"


def check_is_new(path: Path) -> None:
    """Refuse a path where something is already.

    Raises:
        RunFolderError: It is a file, or a folder that is not empty.
    """
    if is_taken(path):
        raise RunFolderError(f"{path} exists already, and nothing is overwritten; choose another folder")


def _free_name(path: Path) -> Path:
    others = (path.with_name(f"{path.name}_{number}") for number in itertools.count(2))
    return next(name for name in itertools.chain([path], others) if not is_taken(name))


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
