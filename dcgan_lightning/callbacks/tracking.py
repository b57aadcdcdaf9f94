"""What loggers beside the CSV file get: pictures, and a run's files when it ends."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from numpy.typing import NDArray
from pytorch_lightning.callbacks import Callback
from pytorch_lightning.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger

from dcgan_lightning.core.optional import OptionalSteps
from dcgan_lightning.runs.folder import sample_grids

_CHOSEN = frozenset(os.environ)  # by the user, when this process began
# What Lightning and the callbacks call while a run trains and when it ends
_LOGGER_METHODS = (
    "after_save_checkpoint",
    "finalize",
    "log_graph",
    "log_hyperparams",
    "log_metrics",
    "save",
)
# What a run leaves that is worth keeping with its figures, beside the last curves and the last grid.
ALL_OF = ("config.yaml", "networks.txt", "*.gif", "history/history.csv")


def log_picture(logger: Logger, name: str, picture: NDArray[np.uint8], step: int) -> None:
    """Hand a picture to a logger, if it is of a kind that takes pictures.

    Args:
        logger: One of the trainer's.
        name: What the picture shows; the same for all pictures of a series.
        picture: (H, W) or (H, W, 3).
        step: The iteration, over all epochs, from 0 as Lightning counts for loggers.
    """
    if isinstance(logger, TensorBoardLogger):
        layout = "HW" if picture.ndim == 2 else "HWC"
        logger.experiment.add_image(name, picture, step, dataformats=layout)
    elif isinstance(logger, WandbLogger):
        logger.log_image(name, [picture], step)
    elif isinstance(logger, MLFlowLogger):
        logger.experiment.log_image(logger.run_id, picture, key=name, step=step)


def start_loggers(trainer: pl.Trainer) -> None:
    """Start each logger, and let none of them end the training.

    A logger that cannot start is left out; a later failure of a call is a warning.
    """
    started = []
    # Weights & Biases before TensorBoard, as in Lightning's own start
    for logger in sorted(trainer.loggers, key=lambda logger: not isinstance(logger, WandbLogger)):
        optional, name = OptionalSteps(), type(logger).__name__
        with optional(f"{name} did not start and is left out"):
            _ = getattr(logger, "experiment", None)
            for method in _LOGGER_METHODS:
                setattr(logger, method, optional(f"{name}.{method} failed")(getattr(logger, method)))
            started.append(logger)
    trainer.loggers = [logger for logger in trainer.loggers if logger in started]


def names_in_trackers(target: str, folder: Path, is_sweep: bool) -> dict[str, Any]:
    """Return the names of a run and of its sweep for Weights & Biases and MLflow.

    Args:
        target: The logger's class; nothing is returned for other ones.
        folder: The run's folder; that of a sweep is the one above.
        is_sweep: Whether the run is one job of several.
    """
    sweep = folder.parent.name
    name = f"{sweep}/{folder.name}" if is_sweep else folder.name
    if target.endswith(".WandbLogger"):
        return {"name": name, "group": sweep if is_sweep else None}
    if target.endswith(".MLFlowLogger"):
        group = sweep if is_sweep else "dcgan_lightning"
        return {"run_name": name, "experiment_name": group, "tags": {"sweep": sweep} if is_sweep else {}}
    return {}


def keep_trackers_at_home(folder: Path) -> None:
    """Make Weights & Biases and MLflow write into the run's folder only, unless the user chose otherwise.

    Args:
        folder: The run's folder.
    """
    kinds = ("CACHE", "CONFIG", "DATA", "ARTIFACT")
    values = {f"WANDB_{kind}_DIR": str(folder / "logs" / "wandb") for kind in kinds}
    values |= {"MLFLOW_DISABLE_TELEMETRY": "true"}
    os.environ.update({name: value for name, value in values.items() if name not in _CHOSEN})


def final_files(folder: Path) -> Iterator[Path]:
    """Yield the files of a run that trackers keep: settings, film, history, the last curves and grid."""
    for pattern in ALL_OF:
        yield from sorted(folder.glob(pattern))
    yield from sorted(folder.glob("history/train_history_*.png"))[-1:]
    yield from (grid.path for grid in sample_grids(folder)[-1:])


class TrackedFiles(Callback):
    """Hand a run's files to Weights & Biases and MLflow when it ends, also when it is stopped or fails.

    It must come after the callbacks that write them.
    """

    def __init__(self) -> None:
        self._optional = OptionalSteps()

    def teardown(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Keep them after the last callback has written its files."""
        self._keep(trainer)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Keep them before Lightning closes the loggers."""
        self._keep(trainer)

    def _keep(self, trainer: pl.Trainer) -> None:
        if not trainer.is_global_zero:
            return
        folder = Path(trainer.default_root_dir)
        for logger in trainer.loggers:
            with self._optional(f"{type(logger).__name__} did not take the run's files"):
                for path in final_files(folder):
                    keep_file(logger, path, folder)


def keep_file(logger: Logger, path: Path, folder: Path) -> None:
    """Hand a file to a logger, if it is of a kind that takes files.

    Args:
        logger: One of the trainer's.
        path: The file.
        folder: The run's folder; the tracker gets the path below it.
    """
    if isinstance(logger, WandbLogger):
        logger.experiment.save(str(path), base_path=str(folder), policy="now")
    elif isinstance(logger, MLFlowLogger):
        below = path.parent.relative_to(folder).as_posix()
        logger.experiment.log_artifact(logger.run_id, str(path), None if below == "." else below)


def close_trackers(trainer: pl.Trainer) -> None:
    """End the run that Weights & Biases keeps open in this process: a sweep's next job has its own."""
    for logger in trainer.loggers:
        if isinstance(logger, WandbLogger) and trainer.is_global_zero:
            with OptionalSteps()(f"{type(logger).__name__} did not finish"):
                logger.experiment.finish()
