"""What loggers have written of a run that is continued: each step once, as in its history.

A run that was killed has logged steps after its last checkpoint, which are trained and logged again.
Weights & Biases and MLflow cannot take steps back: there, each session is a run of its own.
"""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pytorch_lightning.loggers import CSVLogger, Logger

from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.regular_files import read_file

CSV_FILE = "metrics.csv"


def continued_events(part: Mapping[str, Any], folder: Path, iteration: int) -> dict[str, Any]:
    """Return the arguments with which TensorBoard's logger continues a run's curves.

    The events go to the folder of the session before, with a mark at which TensorBoard drops later steps.

    Args:
        part: The logger's configuration; nothing is returned for other loggers, and where ``version`` is set.
        folder: The run's folder; logs outside it may be of other runs.
        iteration: Iterations of the run so far, over all epochs.
    """
    if not str(part.get("_target_")).endswith(".TensorBoardLogger") or "version" in part:
        return {}
    logs = Path(str(part.get("save_dir", ".")), str(part.get("name") or ""))
    versions = [int(name) for path in logs.glob("version_*") if (name := path.name[8:]).isdecimal()]
    if not versions or not logs.resolve().is_relative_to(folder.resolve()):
        return {}
    # Hyperparameters are there already; logged again, they would be at step 0 twice.
    return {"version": max(versions), "purge_step": iteration, "default_hp_metric": False}


def cut_tables(loggers: Sequence[Logger], folder: Path, iteration: int) -> None:
    """Remove the rows of CSV files that were logged after the checkpoint a run goes on from.

    Args:
        loggers: The trainer's.
        folder: The run's folder; tables outside it may be of other runs.
        iteration: Iterations of the run so far, over all epochs; steps count from 0.
    """
    for logger in loggers:
        if isinstance(logger, CSVLogger) and Path(logger.root_dir).resolve().is_relative_to(folder.resolve()):
            for path in sorted(Path(logger.root_dir).glob(f"version_*/{CSV_FILE}")):
                data = read_file(path)
                if (kept := _rows_before(data, iteration)) != data:
                    write_atomic(path, kept)


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
