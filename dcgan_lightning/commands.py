"""Commands that end well: a user's mistake is one line on stderr and exit code 1, and no traceback."""

import contextlib
import dataclasses
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from dcgan_lightning.command_line import read_arguments
from dcgan_lightning.config import CONF_DIR
from dcgan_lightning.devices import shorten_spinning
from dcgan_lightning.errors import (
    ConfigError,
    DCGANError,
    MissingExtraError,
    RunFolderError,
    install,
)
from dcgan_lightning.hydra_files import leaving_nothing
from dcgan_lightning.jobs import JobRecord, Status, write_record
from dcgan_lightning.processes import ending_signals, is_first_process, note_command
from dcgan_lightning.streams import keep_streams

# run_command sets HYDRA_FULL_ERROR for Hydra and hands the user's choice down to the job's other processes.
_USERS_CHOICE = "DCGAN_FULL_ERROR"
# Optuna's, of a search that goes on.
_OTHER_CHOICES = ("does not support dynamic value space", "Cannot set different distribution kind")
_NO_OPTION = (
    "a group such as data cannot be null; choose one of its options, none for callbacks and logger, or leave "
    "experiment and sweep out"
)
SHOW_TRACEBACKS = os.environ.get(_USERS_CHOICE, os.environ.get("HYDRA_FULL_ERROR")) == "1"


def one_line(error: Exception, config_name: str = "train") -> str:
    """Return what is wrong and what to do about it, in one line.

    Args:
        error: One of the project's, Hydra's, OmegaConf's, YAML's or the operating system's.
        config_name: The primary configuration, to suggest keys from.
    """
    if isinstance(error, DCGANError):
        return str(error)  # of one line, but for the list of data sources that were tried
    if isinstance(error, YAMLError):
        return _yaml_error(error)
    text = " ".join(str(error).split())
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException):
        text += " " + " ".join(str(cause).split())
    from dcgan_lightning.hydra_errors import explain

    return explain(error, text, config_name)


def _missing_plugin(error: Exception) -> MissingExtraError | None:
    """Return what to say of a launcher or sweeper that is not installed, if that is what is wrong."""
    match = re.fullmatch(
        r"Unknown plugin class : 'hydra_plugins\.hydra_(\w+)_(launcher|sweeper)\..*'", str(error)
    )
    return match and MissingExtraError(
        f"this {match[2]} needs the package hydra-{match[1]}-{match[2]}; {install(match[1])}"
    )


def _is_hydras(error: Exception) -> bool:
    """Return whether Hydra or OmegaConf raised an error: then the command line or a file is wrong."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__", "").partition(".")[0] in ("hydra", "omegaconf")


def _yaml_error(error: YAMLError) -> str:
    if isinstance(error, MarkedYAMLError) and (mark := error.problem_mark or error.context_mark):
        reason = " ".join(f"{error.context or ''} {error.problem or ''}".split())
        return f"{mark.name}:{mark.line + 1}:{mark.column + 1}: {reason}; mend this file"
    return f"{getattr(error, 'name', 'a configuration file')}: {' '.join(str(error).split())}; mend this file"


def _not_text(error: UnicodeDecodeError) -> str:
    """Return which configuration file is not UTF-8: neither Hydra nor the error knows its name."""
    folders = [CONF_DIR, *(argument.partition("=")[2] or argument for argument in sys.argv[1:])]
    for path in (path for folder in folders for path in sorted(Path(folder).glob("**/*.yaml"))):
        try:
            path.read_text(encoding="utf-8")
        except UnicodeDecodeError as found:
            return f"{path}: byte {found.start} is not UTF-8 text; mend this file"
    return f"a configuration file is not UTF-8 text: {error}"


@dataclass
class Outcome:
    """What a job of a sweep leaves for its record.

    Attributes:
        objective: For sweepers that search.
        stop: Why the job ended before its end without an error; empty if it did not.
    """

    objective: float | None = None
    stop: str = ""


@contextlib.contextmanager
def note_job(sweep: Path, job: JobRecord) -> Iterator[Outcome]:
    """Keep the record of a job in the sweep's folder while the block runs, and how the block ends.

    Args:
        sweep: The sweep's folder.
        job: The job as it begins.
    """
    started = time.monotonic()

    def note(status: Status, reason: str = "", objective: float | None = None) -> None:
        seconds = job.seconds + time.monotonic() - started
        ended = dataclasses.replace(job, status=status, reason=reason, seconds=seconds, objective=objective)
        write_record(sweep, ended)

    note("running")
    outcome = Outcome()
    try:
        yield outcome
    except BaseException as error:
        with contextlib.suppress(RunFolderError):  # a full disk, which may be why the job fails
            if isinstance(error, Exception):
                note("failed", " ".join(one_line(error).split()))
            else:
                note("stopped", _signal_name(error))
        raise
    note("stopped" if outcome.stop else "finished", outcome.stop, objective=outcome.objective)


def _signal_name(error: BaseException) -> str:
    """Return what stopped a job, from how it ends."""
    is_hangup = isinstance(error, SystemExit) and error.code == 129
    return "Ctrl-C" if isinstance(error, KeyboardInterrupt) else "SIGHUP" if is_hangup else "SIGTERM"


@contextlib.contextmanager
def forgetting_locals() -> Iterator[None]:
    """Run a job; an error that ends it keeps its traceback's lines, and nothing of what its frames hold.

    Hydra keeps the errors of a sweep's jobs until the sweep ends: a step that ran out of memory would keep
    its activations from all jobs after it.
    """
    try:
        yield
    except Exception as error:
        found: list[BaseException | None] = [error]
        for one in found:  # grows on the way
            if one is not None:
                traceback.clear_frames(one.__traceback__)
                found += [other for other in (one.__cause__, one.__context__) if other not in found]
        raise


def run_command(command: Callable[[], Any], config_name: str = "train") -> NoReturn:
    """Run a Hydra command and end the process: a user's mistake is one line on stderr and exit code 1.

    ``HYDRA_FULL_ERROR=1`` in the environment shows the traceback instead.
    """
    from hydra.errors import HydraException

    keep_streams()
    shorten_spinning()
    os.environ[_USERS_CHOICE] = "1" if SHOW_TRACEBACKS else "0"
    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then leaves its errors to us
    # Commands draw into files only. Torchmetrics imports Matplotlib, which refuses a backend that it does
    # not know and a matplotlibrc that is not UTF-8.
    os.environ |= {"MPLBACKEND": "agg", "MATPLOTLIBRC": os.devnull}
    note_command()
    try:
        read_arguments(config_name)
        leaving_nothing(command)
    except KeyboardInterrupt:
        print("stopped by Ctrl-C", file=sys.stderr)
        sys.exit(130)
    except (DCGANError, HydraException, OmegaConfBaseException, YAMLError, OSError) as error:
        refuse(error, config_name)
    except UnicodeDecodeError as error:
        refuse(ConfigError(_not_text(error)), config_name)
    except ValueError as error:
        if str(error) in ("Record does not exist.", "No trials are completed yet."):  # Optuna's, of its best
            refuse(ConfigError("no job of this search gave a score; see above what ended them"), config_name)
        if any(text in str(error) for text in _OTHER_CHOICES):
            remedy = "give the same ones, or another run_name"
            refuse(
                ConfigError(f"this study was begun with other choices for a setting; {remedy}"), config_name
            )
        if "Config group override" in str(error):  # Hydra's answer to group=null
            refuse(ConfigError(_NO_OPTION), config_name)
        if not _is_hydras(error):
            raise
        refuse(error, config_name)
    except Exception as error:
        extra = _missing_plugin(error)
        if extra is None and not _is_hydras(error):
            raise
        refuse(extra or error, config_name)
    sys.exit(0)


def work_where_typed() -> None:
    """Return to the folder where the command was typed, so that relative paths mean what they meant there.

    ``hydra.job.chdir=true`` leaves it for the run's folder, where all files go anyway.
    """
    from hydra.core.hydra_config import HydraConfig

    if HydraConfig.get().job.chdir:
        os.chdir(HydraConfig.get().runtime.cwd)


def end_on_signals() -> None:
    """Let SIGTERM and SIGHUP end this process as Ctrl-C does: nothing half-made is left."""

    def end(number: int, frame: object) -> NoReturn:
        sys.exit(128 + number)

    for number in ending_signals():
        signal.signal(number, end)


def refuse(error: Exception, config_name: str = "train") -> NoReturn:
    """Print what is wrong in one line, or in one for each failed job of a sweep, and end with exit code 1."""
    if SHOW_TRACEBACKS:
        raise error
    if is_first_process() or not getattr(error, "is_shared", False):
        print(f"error: {one_line(error, config_name)}", file=sys.stderr)
    sys.exit(1)
