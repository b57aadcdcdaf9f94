"""The jobs of a sweep: each leaves a record, ``jobs/<its folder>.json`` in the sweep's folder.

Jobs may run in other processes, even on other machines; all that is known about them is in these files.
"""

import dataclasses
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, Literal, get_args

from dcgan_lightning.config.checks import whole
from dcgan_lightning.core.errors import ConfigError, RunFolderError
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.locks import is_locked
from dcgan_lightning.core.processes import is_first_process
from dcgan_lightning.core.regular_files import read_file
from dcgan_lightning.runs.reading import parse_yaml, read_json

Status = Literal["running", "finished", "failed", "stopped"]

CONFIG_FILE = "config.yaml"  # a run's settings; a folder that holds this file holds a run
_FOLDER = "jobs"
_GOES_ON = ("last", "auto")  # values of ckpt_path
_NO_SETTINGS = ("run_name=", "ckpt_path=", "sweep=")
_MISSING = object()
# When a job resumes, as for a single run.
_MAY_CHANGE = ("threads=", "report=", "trainer.max_epochs=", "data.root=", "data.cache_dir=")


@dataclass(frozen=True)
class JobRecord:
    """What is known about a job.

    Attributes:
        folder: The job's run, relative to the sweep's folder; names the job, as a search that goes on counts
            its jobs from 0 again.
        overrides: Its settings as ``key=value``.
        epochs: Number of epochs it was to train.
        status: "running" may also mean that it was killed.
        reason: Why it failed or was stopped, in one line.
        seconds: How long it ran, over all sessions.
        objective: What the command returned, for sweepers that search.
    """

    folder: str
    overrides: tuple[str, ...]
    epochs: int
    status: Status = "running"
    reason: str = ""
    seconds: float = 0.0
    objective: float | None = None


def write_record(sweep: Path, record: JobRecord) -> None:
    """Keep a record in its sweep's folder."""
    text = json.dumps(dataclasses.asdict(record), indent=2)
    write_atomic(_path(sweep, record.folder), f"{text}\n".encode())


def read_record(sweep: Path, folder: str) -> JobRecord | None:
    """Return the record of a job, or None if it never began.

    Args:
        sweep: The sweep's folder.
        folder: The job's, relative to it.

    Raises:
        RunFolderError: The file is not a record.
    """
    return _read(_path(sweep, folder))


def _read(path: Path) -> JobRecord | None:
    try:
        values = read_json(path)
    except FileNotFoundError:
        return None
    except RunFolderError as error:
        raise _no_record(path, f"{error.__cause__}") from error
    names = {field.name for field in dataclasses.fields(JobRecord)}
    known = {name: values[name] for name in names & values.keys()} if isinstance(values, dict) else {}
    wrong = [name for name, is_good in _CHECKS.items() if name in known and not is_good(known[name])]
    if wrong or (wrong := sorted({"folder", "overrides", "epochs"} - known.keys())):
        raise _no_record(path, f"{wrong[0]} is wrong or missing")
    return JobRecord(**known | {"overrides": tuple(known["overrides"])})


def _no_record(path: Path, reason: str) -> RunFolderError:
    return RunFolderError(f"{path} is not the record of a job ({reason}); delete it to run its job again")


def _is_inside(folder: Any) -> bool:
    """Tell whether a text is the name of a folder that does not lead out of its place."""
    path = PurePath(folder) if isinstance(folder, str) else PurePath()
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in folder


def _is_time(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12


def _is_objective(value: Any) -> bool:
    return value is None or (isinstance(value, float) or _is_time(value))


_CHECKS: Mapping[str, Callable[[Any], bool]] = {
    "folder": _is_inside,
    "overrides": lambda value: isinstance(value, list) and all(isinstance(item, str) for item in value),
    "epochs": lambda value: whole(0, 2**53)(value) is None,
    "status": lambda value: isinstance(value, str) and value in get_args(Status),
    "reason": lambda value: isinstance(value, str),
    "seconds": _is_time,
    "objective": _is_objective,
}


def read_records(sweep: Path) -> list[JobRecord]:
    """Return the records of all jobs that began, in the order of their folders' numbers."""
    records = filter(None, map(_read, (sweep / _FOLDER).glob("*.json")))
    return sorted(records, key=lambda record: _natural(record.folder))


def _natural(name: str) -> list[str | int]:
    """Return a key that sorts "9" before "10", and "after_9/0" after both."""
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", name)]


def record_files(sweep: Path) -> dict[str, bytes]:
    """Return the content of all records, which changes as soon as a job begins or ends."""
    return {path.name: _content(path) for path in (sweep / _FOLDER).glob("*.json")}


def _content(path: Path) -> bytes:
    try:
        return read_file(path)
    except OSError:  # a folder, or just removed: `read_records` names it
        return b""


def read_new_records(sweep: Path, before: Mapping[str, bytes]) -> list[JobRecord]:
    """Return the records of the jobs that began or ended since `record_files` returned their content."""
    changed = [path for path in (sweep / _FOLDER).glob("*.json") if _content(path) != before.get(path.name)]
    return [record for record in map(_read, changed) if record is not None]


def begin_job(sweep: Path, job: JobRecord, ckpt_path: str | None) -> JobRecord:
    """Return the record to go on with: the old one if the job is finished already, else the new one.

    Needs no PyTorch and changes nothing. Of a job's processes only the first one asks whether the folder is
    free: when the others look, it may have begun.

    Args:
        sweep: The sweep's folder.
        job: The job as configured now.
        ckpt_path: What the user gave.

    Raises:
        ConfigError: A run of other settings has this folder, or has more epochs already.
        RunFolderError: There is such a run, and it shall not go on, or another process is at it; or the
            sweep's folder is that of a run.
    """
    if (sweep / CONFIG_FILE).is_file():
        raise RunFolderError(f"{sweep} already holds a run; choose another run_name for the sweep")
    old = read_record(sweep, job.folder)
    folder = sweep / job.folder
    if is_first_process() and is_locked(folder):  # else its record would be overwritten
        raise RunFolderError(
            f"{folder} is in use by another process; wait for it, or choose another run_name for the sweep"
        )
    if old is None or not (folder / CONFIG_FILE).is_file():
        return job
    if is_first_process() and ckpt_path not in _GOES_ON:
        raise RunFolderError(
            f"{folder} already holds a run; choose another run_name, or go on with this sweep: ckpt_path=auto"
        )
    if difference := _difference(old.overrides, job.overrides):
        raise ConfigError(
            f"{folder} was made with other settings: {difference}; give the sweep's own command to go on, or "
            "choose another run_name"
        )
    if old.status == "finished" and old.epochs > job.epochs:
        raise ConfigError(
            f"trainer.max_epochs={job.epochs}, but {folder} has {old.epochs} epochs already; give at "
            "least as many"
        )
    if old.status == "finished" and old.epochs == job.epochs:
        return old
    return dataclasses.replace(job, seconds=old.seconds)


def own_overrides(overrides: Sequence[str]) -> list[str]:
    """Return a job's overrides without those that say only where it is and how it starts."""
    return [override for override in overrides if not override.startswith(_NO_SETTINGS)]


def describe_job(job: JobRecord) -> str:
    """Return folder, settings and reason in one line."""
    settings = " ".join(own_overrides(job.overrides))
    return f"job {job.folder} ({settings}): {job.reason}"


def _difference(old: Sequence[str], new: Sequence[str]) -> str:
    """Return which overrides differ and would make another run; nothing if none does."""
    before, now = (
        dict(item.partition("=")[::2] for item in own_overrides(items) if not item.startswith(_MAY_CHANGE))
        for items in (old, new)
    )
    keys = [key for key in before | now if _value(before, key) != _value(now, key)]
    return ", ".join(f"{key}={before.get(key, 'none')} (now {now.get(key, 'none')})" for key in keys)


def _value(texts: Mapping[str, str], key: str) -> Any:
    return parse_value(texts[key]) if key in texts else _MISSING


def parse_value(text: str) -> Any:
    """Return the value of an override's text: 1e-4 and 0.0001 are the same."""
    try:
        return float(text) if re.fullmatch(r"[-+\d.]+e[-+]?\d+", text) else parse_yaml(text)
    except ValueError:
        return text


def _path(sweep: Path, folder: str) -> Path:
    """Return where a record is; a search that goes on counts its jobs anew, but never their folders."""
    return sweep / _FOLDER / f"{folder.replace(os.sep, '_')}.json"
