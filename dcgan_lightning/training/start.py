"""The start of a run, in which callbacks and loggers may refuse: the run's name is free again afterwards."""

import contextlib
import shutil
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from dcgan_lightning.config.nested import look_up
from dcgan_lightning.config.parts import parts_of
from dcgan_lightning.core.errors import CollapsedError, ConfigError, DivergedError
from dcgan_lightning.core.processes import is_first_process
from dcgan_lightning.runs.folder import INITIAL_FILE
from dcgan_lightning.runs.jobs import CONFIG_FILE
from dcgan_lightning.runs.system_file import SYSTEM_FILE

# What callbacks, loggers and the start itself put into a run's folder before the first iteration has ended.
_OF_A_START = (
    CONFIG_FILE,
    INITIAL_FILE,
    "networks.txt",
    SYSTEM_FILE,
    "samples",
    "history",
    "checkpoints",
    "logs",
)
_LIGHTNINGS = ("pytorch_lightning.callbacks", "pytorch_lightning.loggers")


@contextlib.contextmanager
def starting(values: Mapping[str, Any], folder: Path, has_started: Callable[[], bool]) -> Iterator[None]:
    """Run the block; if it fails before the first iteration has ended, remove what it put into the folder.

    Args:
        values: The configuration.
        folder: The run's. What it holds already stays.
        has_started: Returns whether an iteration has ended.

    Raises:
        ConfigError: A callback or logger of Lightning's failed; names its key.
    """
    before = {path.name for path in folder.iterdir()} if folder.is_dir() else set()
    try:
        yield
    except (CollapsedError, DivergedError):  # such a run is worth inspecting
        raise
    except Exception as error:
        if is_first_process() and not has_started():
            film = look_up(values, "callbacks.film.file_name")
            for name in {*_OF_A_START, *[film] * isinstance(film, str)} - before:
                _remove(folder / name)
        if key := failed_part(error, values):
            raise ConfigError(f"{key}: {' '.join(str(error).split())}") from error
        raise


def failed_part(error: Exception, values: Mapping[str, Any]) -> str | None:
    """Return the key of the callback or logger of Lightning's that raised an error, if one did."""
    keys = {kind: key for key, kind, _ in parts_of(values)}
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if not str(frame.f_globals.get("__name__")).startswith(_LIGHTNINGS):
            continue  # a frame that is asked for its locals keeps them, activations among them
        kind = type(frame.f_locals.get("self")).__name__
        if kind in keys:
            return keys[kind]
    return None


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
