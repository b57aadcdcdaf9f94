"""stdout and stderr that never end a command: no reader, no terminal, no descriptor, another encoding."""

import contextlib
import errno
import io
import os
import sys


class LastingOutput(io.FileIO):
    """A descriptor that is written to as long as that works; afterwards what is written is dropped.

    The reader of a pipe may have ended (``| head``), a terminal may have been closed, a disk may be full.
    """

    _is_lost = False

    def write(self, data: bytes) -> int:  # type: ignore[override]
        """Write bytes, or drop them."""
        if not self._is_lost:
            try:
                return super().write(data)
            except OSError as error:
                self._is_lost = True
                if error.errno not in (errno.EPIPE, errno.EBADF) and self.fileno() == 1:
                    with contextlib.suppress(AttributeError):  # there is no stderr
                        print(f"stdout: {error.strerror}; what follows is not shown", file=sys.stderr)
        return len(data)


def keep_streams() -> None:
    """Let stdout and stderr of this process last, and write what their encoding lacks as escapes."""
    _fill_descriptors()
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        stream = getattr(sys, name)
        if stream is not None and not _is_descriptor(stream, descriptor):
            continue  # a test's, or another program's that calls the command
        encoding = "utf-8" if stream is None else stream.encoding
        raw = LastingOutput(descriptor, "w", closefd=False)
        setattr(
            sys,
            name,
            io.TextIOWrapper(
                io.BufferedWriter(raw), encoding, errors="backslashreplace", line_buffering=True
            ),
        )


def _is_descriptor(stream: object, descriptor: int) -> bool:
    try:
        return bool(stream.fileno() == descriptor)  # type: ignore[attr-defined]
    except (AttributeError, OSError, ValueError):
        return False


def _fill_descriptors() -> None:
    """Open those of the first three that are closed, or the next file that is opened would be stdout."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != descriptor:  # the next free one is another one
                os.dup2(opened, descriptor)
                os.close(opened)
            os.set_inheritable(descriptor, True)
