"""Runs read from their folders: settings, figures, scores, pictures. Needs no PyTorch."""

import math
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcgan_lightning.config.data import FASHION_MNIST_COUNT, iterations_of_epoch
from dcgan_lightning.config.nested import MISSING, flatten, look_up
from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.core.locks import is_locked
from dcgan_lightning.core.measured import NOTEBOOK_FIGURES, Figure
from dcgan_lightning.runs.folder import sample_grids, similar_path
from dcgan_lightning.runs.jobs import CONFIG_FILE, JobRecord, own_overrides, parse_value, read_records
from dcgan_lightning.runs.reading import read_evaluation, read_figures, read_settings, read_table

POSITION = ("epoch", "iteration", "seconds")  # the columns of a history beside its figures
SCORE = "frechet_distance"  # ranks runs; 0 is best

# Settings that do not affect the result.
_NO_SETTINGS = re.compile(
    r"paths\..*|run_name|ckpt_path|threads|report|data\.cache_dir|logger(\..*)?|callbacks\.(progress|film)(\..*)?"
    r"|trainer\.(default_root_dir|log_every_n_steps|profiler|enable_\w+)"
)
_FOLLOWERS = {"data.seed": "seed", "model.seed": "seed", "model.batch_size": "data.batch_size"}


@dataclass(frozen=True, eq=False)
class Run:
    """A run as its folder shows it.

    Attributes:
        folder: Where it is; a job that failed early has none.
        name: Short, and unlike that of every other run that was read with it.
        settings: ``a.b.c`` to value; of a job that failed early only those it was given.
        has_config: Whether it got far enough to keep all its settings.
        status: "finished", "running", "stopped" or "failed".
        reason: Why it failed or was stopped, if that is known.
        overrides: Of a job of a sweep.
        epochs: Finished ones.
        seconds: Of training, over all sessions; None if not known.
        history: The columns of its table, each (iterations,); empty if there is none.
        iterations_per_epoch: Of a whole epoch.
        scores: From the evaluation of the longest training; ``images`` is the number of scored images.
        score_history: The columns of the scores that were made in training, each (times,).
        objective: What the job returned to a sweeper.
        grid: Its last sample grid.
    """

    folder: Path
    name: str
    settings: dict[str, Any]
    status: str
    has_config: bool = True
    reason: str = ""
    overrides: tuple[str, ...] = ()
    epochs: int = 0
    seconds: float | None = None
    figures: tuple[Figure, ...] = NOTEBOOK_FIGURES
    history: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    iterations_per_epoch: int = 1
    scores: dict[str, float] = field(default_factory=dict)
    score_history: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    objective: float | None = None
    grid: Path | None = None

    @property
    def finals(self) -> dict[str, float]:
        """The means of the figures over the last epoch."""
        if not self.history:
            return {}
        is_last = self.history["epoch"] == self.history["epoch"][-1]
        names = [figure.name for figure in self.figures if figure.name in self.history]
        return {name: float(self.history[name][is_last].mean()) for name in names}


def figures_of(runs: Sequence[Run]) -> list[Figure]:
    """Return what the runs have measured, each figure once."""
    by_name = {figure.name: figure for run in reversed(runs) for figure in reversed(run.figures)}
    return list(reversed(by_name.values()))


def is_run(folder: Path) -> bool:
    """Tell whether a folder holds a run."""
    return (folder / CONFIG_FILE).is_file()


def is_sweep(folder: Path) -> bool:
    """Tell whether a folder holds a sweep's jobs."""
    return not is_run(folder) and (bool(read_records(folder)) or any(_numbered_runs(folder)))


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """Return the runs in folders; a sweep's folder means all its jobs.

    Raises:
        RunFolderError: A folder holds neither, or a file in it is damaged.
    """
    found: dict[Path, JobRecord | None] = {}
    for folder in folders:
        if is_run(folder):
            found.setdefault(folder)
        elif is_sweep(folder):
            found |= _sweep_runs(folder)
        else:
            what = "holds no run and no sweep" if folder.is_dir() else "does not exist"
            meant = "" if folder.is_dir() else similar_path(folder)
            remedy = meant or "; give folders below outputs/ that training has made"
            raise RunFolderError(f"{folder} {what}{remedy}")
    full = [os.path.abspath(folder) for folder in found]
    base = os.path.commonpath(full) if len(full) > 1 else os.path.dirname(full[0])
    return [
        read_run(folder, os.path.relpath(path, base), record)
        for path, (folder, record) in zip(full, found.items(), strict=True)
    ]


def read_run(folder: Path, name: str | None = None, record: JobRecord | None = None) -> Run:
    """Return what a run's folder shows.

    Args:
        folder: The run's.
        name: To show; the folder's own if not given.
        record: Of the job, if it is one of a sweep.
    """
    settings = _read_settings(folder, record)
    history = read_table(folder / "history" / "history.csv", POSITION)
    per_epoch = _iterations_per_epoch(settings, history)
    epochs = _finished_epochs(history, per_epoch)
    if not history and record and record.status == "finished":
        epochs = record.epochs
    status, reason = _status(folder, settings, epochs, record)
    return Run(
        folder=folder,
        name=name or folder.name,
        settings=settings,
        status=status,
        has_config=is_run(folder),
        reason=reason,
        overrides=tuple(own_overrides(record.overrides)) if record else (),
        epochs=epochs,
        seconds=float(history["seconds"][-1]) if history else (record.seconds if record else None),
        figures=read_figures(folder),
        history=history,
        iterations_per_epoch=per_epoch,
        scores=_read_scores(folder / "scores"),
        score_history=_score_history(folder, history),
        objective=record.objective if record else None,
        grid=grids[-1].path if (grids := sample_grids(folder)) else None,
    )


def _numbered_runs(folder: Path) -> Iterator[Path]:
    """Yield the jobs' folders of a sweep that has no records."""
    if folder.is_dir():
        numbered = [path for path in folder.iterdir() if path.name.isdecimal() and is_run(path)]
        yield from sorted(numbered, key=lambda path: int(path.name))


def _sweep_runs(folder: Path) -> dict[Path, JobRecord | None]:
    records = {folder / record.folder: record for record in read_records(folder)}
    return {**records} if records else dict.fromkeys(_numbered_runs(folder))


def _read_settings(folder: Path, record: JobRecord | None) -> dict[str, Any]:
    """Return the flat settings without those that make no other run, and without those that follow others."""
    try:
        values = read_settings(folder / CONFIG_FILE)
    except FileNotFoundError:
        given = [override.partition("=") for override in (own_overrides(record.overrides) if record else ())]
        named = ((key.lstrip("+"), parse_value(text)) for key, _, text in given)
        return {key: value for key, value in named if not _NO_SETTINGS.fullmatch(key)}
    flat = {key: value for key, value in flatten(values) if not _NO_SETTINGS.fullmatch(key)}
    if flat.get("data.verify"):  # the same images, wherever they are
        flat.pop("data.root", None)
    return {
        key: value
        for key, value in flat.items()
        if key not in _FOLLOWERS or value != flat.get(_FOLLOWERS[key])
    }


def _iterations_per_epoch(settings: Mapping[str, Any], history: Mapping[str, NDArray[np.float64]]) -> int:
    if history and (earlier := history["iteration"][history["epoch"] < history["epoch"][-1]]).size:
        return int(earlier[-1])  # the last epoch before the current one was whole
    count = settings.get("data.count") or (FASHION_MNIST_COUNT if settings.get("data.verify") else None)
    if count is None or "data.domains" in settings:
        return int(history["iteration"].max()) if history else 1
    devices = settings.get("trainer.devices")
    processes = len(devices) if isinstance(devices, list) else devices
    if not isinstance(processes, int) or processes < 1:
        processes = 1
    limit = settings.get("trainer.limit_train_batches", 1.0)
    return max(1, iterations_of_epoch(count, settings["data.batch_size"], limit, processes))


def _finished_epochs(history: Mapping[str, NDArray[np.float64]], iterations_per_epoch: int) -> int:
    if not history:
        return 0
    is_whole = history["iteration"][-1] >= iterations_per_epoch
    return int(history["epoch"][-1]) - (not is_whole)


def _status(
    folder: Path, settings: Mapping[str, Any], epochs: int, record: JobRecord | None
) -> tuple[str, str]:
    """Return a run's status and the reason."""
    if record and record.status != "running":
        return record.status, record.reason
    if is_locked(folder):
        return "running", ""
    if record:
        return "stopped", "killed"
    return ("finished" if epochs >= settings.get("trainer.max_epochs", math.inf) else "stopped"), ""


def _read_scores(folder: Path) -> dict[str, float]:
    """Return the scores of the checkpoint that was trained longest, as seen by the classifier."""
    found = []
    for path in folder.glob("*.json"):
        report = read_evaluation(path)
        if report is None or look_up(report, "features.name") not in (MISSING, "classifier"):
            continue
        scores = {name: float(value) for name, value in report["mean"].items() if _is_number(value)}
        if SCORE in scores:
            # Of several reports on the same weights that of the usual choices, which has the shortest name.
            trained = (report.get("epochs", 0), report.get("iterations", 0), -len(path.stem))
            found.append((trained, path.stem, scores | {"images": float(report.get("count", math.nan))}))
    return max(found, key=lambda report: report[:2])[2] if found else {}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _score_history(
    folder: Path, history: Mapping[str, NDArray[np.float64]]
) -> dict[str, NDArray[np.float64]]:
    """Return epochs and scores made in training: a table of their own, or a column of the history."""
    table = read_table(folder / "history" / "scores.csv", ("epoch",)) or history
    if SCORE not in table or "epoch" not in table:
        return {}
    is_there = np.isfinite(table[SCORE])
    return {name: table[name][is_there] for name in ("epoch", SCORE)} if is_there.any() else {}
