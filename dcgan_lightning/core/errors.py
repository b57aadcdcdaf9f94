"""Errors a user can fix. Each message is one line: what is wrong, where, and what to do."""

import errno


class DCGANError(Exception):
    """Base of all errors caused by the input rather than by a bug.

    Attributes:
        is_shared: Whether process 0 of a job raises it too, or says it for another process.
    """

    is_shared = False


class ConfigError(DCGANError):
    """A setting is wrong; the message names its key and the remedy."""


class DataError(DCGANError):
    """The image data is missing, damaged or of another kind."""


class CheckpointError(DCGANError):
    """A checkpoint is missing, damaged or does not belong to this configuration."""


class RunFolderError(DCGANError):
    """The run folder cannot be used: it holds another run or cannot be written."""


class DivergedError(DCGANError):
    """A figure or a weight is not finite."""

    is_shared = True


class CollapsedError(DCGANError):
    """All generated images have become nearly the same."""

    is_shared = True


class MemoryLackError(DCGANError):
    """The device that trains has too little memory."""


class ProcessError(DCGANError):
    """Another process of the same job has ended, or is at a different operation.

    Args:
        message: What is wrong.
        is_shared: See `DCGANError`.
    """

    def __init__(self, message: str, is_shared: bool = False) -> None:
        super().__init__(message)
        self.is_shared = is_shared


class ScoreError(DCGANError):
    """Images cannot be scored: too few, or of another shape than the real ones."""


class WeightsError(DCGANError):
    """A file of a network's weights is missing, damaged or another one."""


class MissingExtraError(DCGANError):
    """An optional package is not installed; the message says how to install it."""


class ExportError(DCGANError):
    """A generator cannot be written in another form, or makes other images there than the original."""


class SweepError(DCGANError):
    """Jobs of a sweep failed; the message has a line for each."""


def install(extra: str) -> str:
    """Return the command that installs an optional extra, typed in the checkout of this project."""
    return f'pip install -e ".[{extra}]"'


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether PyTorch failed to allocate memory, on a CPU or a GPU."""
    causes = [error, *filter(None, [error.__cause__])]
    signs = ("can't allocate memory", "not enough memory", "out of memory")
    return any(
        isinstance(cause, MemoryError)
        or (isinstance(cause, RuntimeError) and any(sign in str(cause) for sign in signs))
        for cause in causes
    )


_FULL = (errno.ENOSPC, errno.EDQUOT)
_REMEDIES = {
    errno.ENAMETOOLONG: "give a shorter name",
    errno.EACCES: "check its permissions or choose another folder",
    errno.EPERM: "check its permissions or choose another folder",
    errno.EROFS: "choose another folder",
    errno.EISDIR: "a folder is in the way: move it away",
    errno.ENOTDIR: "a file is in the way of a folder: move it away, or choose another folder",
    errno.EEXIST: "a file is in the way of a folder: move it away, or choose another folder",
    errno.ELOOP: "it is a link to itself; remove it",
    **dict.fromkeys(_FULL, "free some space or choose another folder"),
}


def is_disk_full(error: OSError) -> bool:
    """Return whether the operating system refused to write because there is no space left."""
    return error.errno in _FULL


def remedy_of(error: OSError) -> str:
    """Return what to do about what the operating system refused."""
    return _REMEDIES.get(error.errno or 0, "check the path and its disk")
