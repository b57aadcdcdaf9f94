"""What loggers have written of a run that is continued: each step once, as in its history.

A run that was killed has logged steps after its last checkpoint, which are trained and logged again.
Weights & Biases and MLflow cannot take steps back: there, each session is a separate run.
"""

import csv
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger

from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.optional import OptionalSteps
from dcgan_lightning.core.regular_files import read_file

CSV_FILE = "metrics.csv"
_KEPT_FILE = "metrics.kept.csv"


def continued_version(part: Mapping[str, Any], folder: Path, iteration: int) -> dict[str, Any]:
    """Return the arguments with which TensorBoard's or the CSV logger continues a run's logs.

    They go to the folder of the session before; TensorBoard's get a mark at which it drops later steps.

    Args:
        part: The logger's configuration; nothing is returned for other loggers, and where ``version`` is set.
        folder: The run's folder; logs outside it may be of other runs.
        iteration: Iterations of the run so far, over all epochs.
    """
    kind = str(part.get("_target_")).rpartition(".")[2]
    if kind not in ("TensorBoardLogger", "CSVLogger") or "version" in part:
        return {}
    logs = Path(str(part.get("save_dir", ".")), str(part.get("name") or ""))
    versions = [int(name) for path in logs.glob("version_*") if (name := path.name[8:]).isdecimal()]
    if not versions or not logs.resolve().is_relative_to(folder.resolve()):
        return {}
    version = {"version": max(versions)}
    if kind == "CSVLogger":
        return version
    # Hyperparameters exist after the first checkpoint; logged again, they would be at step 0 twice.
    hyperparameters = {"default_hp_metric": False} if iteration else {}
    return version | {"purge_step": iteration} | hyperparameters


def continue_tables(loggers: Sequence[Logger], folder: Path, iteration: int) -> None:
    """Let CSV loggers continue the tables of the previous session, without rows after the checkpoint.

    Lightning's logger deletes the table in its folder when it starts. So the rows are first kept in a file
    beside it, which then takes its place; a process that is killed in between leaves the one or the other.

    Args:
        loggers: The trainer's.
        folder: The run's folder; tables outside it may be of other runs.
        iteration: Iterations of the run so far, over all epochs; steps count from 0.
    """
    for logger in loggers:
        if isinstance(logger, CSVLogger) and Path(logger.root_dir).resolve().is_relative_to(folder.resolve()):
            with OptionalSteps()("the table of the session before was not continued"):
                for path in sorted(Path(logger.root_dir).glob(f"version_*/{CSV_FILE}")):
                    data = read_file(path)
                    if (kept := _rows_before(data, iteration)) != data:
                        write_atomic(path, kept)
                _continue_table(logger, iteration)


def _continue_table(logger: CSVLogger, iteration: int) -> None:
    table, kept = Path(logger.log_dir, CSV_FILE), Path(logger.log_dir, _KEPT_FILE)
    if not table.parent.is_dir():
        return
    source = next((path for path in (table, kept) if path.exists()), None)
    rows = _rows_before(read_file(source), iteration) if source else b""
    has_rows = rows.count(b"\n") > 1
    if has_rows:
        write_atomic(kept, rows)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Experiment logs directory")
        writer = logger.experiment
    if has_rows:
        os.replace(kept, table)
        writer.metrics_keys = next(csv.reader([rows.decode().splitlines()[0]]))
    else:
        kept.unlink(missing_ok=True)


def _rows_before(table: bytes, iteration: int) -> bytes:
    """Return a table without the rows from a step on, and without a last row that was not written whole."""
    header, *rows = table.decode("utf-8", errors="replace").splitlines(keepends=True) or [""]
    names = next(csv.reader([header]), [])
    if "step" not in names:
        return table
    column = names.index("step")

    def is_kept(row: str) -> bool:
        values = next(csv.reader([row]), [])
        is_whole = row.endswith("\n") and len(values) == len(names)
        return is_whole and values[column].isdecimal() and int(values[column]) < iteration

    return "".join([header, *filter(is_kept, rows)]).encode()
