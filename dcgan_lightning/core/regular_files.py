"""Opening files whose names may turn out to be pipes, devices or folders, without waiting for ever.

Whatever is read from a user's folder is read through this module: opening a pipe (FIFO) would otherwise wait
for its other end, and a device may have no end.
"""

import errno
import os
import stat
from pathlib import Path

_KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
    stat.S_IFLNK: "a link",
}


def read_file(path: Path | str) -> bytes:
    """Return the content of a file; links are followed.

    Raises:
        OSError: It cannot be read, or is not a regular file, which the message says.
    """
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
        return file.read()


def read_text(path: Path | str, errors: str = "strict") -> str:
    """Return the content of a UTF-8 file with Unix line ends (see `read_file` for the errors).

    Raises:
        UnicodeDecodeError: It is not UTF-8 text.
    """
    with os.fdopen(open_regular(path, os.O_RDONLY), "r", encoding="utf-8", errors=errors) as file:
        return file.read()


def open_regular(path: Path | str, flags: int, follow_links: bool = True) -> int:
    """Open a regular file and return its handle, without changing or waiting for anything else.

    Args:
        path: The file.
        flags: As for `os.open`, without ``O_TRUNC``: what is no regular file must stay as it is.
        follow_links: Whether the last part of the path may be a link.

    Raises:
        OSError: It cannot be opened, or is not a regular file, which the message says.
    """
    names = ["O_NONBLOCK", "O_CLOEXEC", "O_BINARY", *([] if follow_links else ["O_NOFOLLOW"])]
    for name in names:
        flags |= getattr(os, name, 0)
    if (mode := _mode(path, follow_links)) is not None and not stat.S_ISREG(mode):
        raise _not_regular(path, mode)  # opening some devices has an effect
    handle = os.open(path, flags, 0o666)
    if not stat.S_ISREG(mode := os.fstat(handle).st_mode):
        os.close(handle)
        raise _not_regular(path, mode)
    return handle


def check_regular(path: Path | str) -> None:
    """Refuse what cannot be written as a file without an effect elsewhere; a missing file is fine.

    Raises:
        OSError: It is a link or is not a regular file, which the message says.
    """
    if (mode := _mode(path, follow_links=False)) is not None and not stat.S_ISREG(mode):
        raise _not_regular(path, mode)


def _mode(path: Path | str, follow_links: bool) -> int | None:
    try:
        return os.stat(path, follow_symlinks=follow_links).st_mode
    except OSError:
        return None


def _not_regular(path: Path | str, mode: int) -> OSError:
    if stat.S_ISDIR(mode):
        return IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    kind = _KINDS.get(stat.S_IFMT(mode), "something else")
    return OSError(errno.EINVAL, f"it is {kind} where a regular file is expected", str(path))
