"""The figures of every iteration, as a table and as curves."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

from dcgan_lightning.callbacks.tables import FIGURE, write_table
from dcgan_lightning.core.background import Background
from dcgan_lightning.core.errors import DivergedError
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.measured import FIGURES_FILE, Figure, encode_figures
from dcgan_lightning.core.optional import OptionalSteps
from dcgan_lightning.pictures import draw_curves
from dcgan_lightning.runs.forms import Form, both, fields, tensor
from dcgan_lightning.runs.positions import Position
from dcgan_lightning.systems import System, divergence

COUNTERS = ("epoch", "iteration", "seconds")


class History(Callback):
    """Keep ``history/history.csv`` and draw ``history/train_history_0001.png`` after each epoch.

    The figures stay on the training device until an epoch ends, so collecting them makes no device wait. The
    finished rows travel in the checkpoint: a resumed run's table has no gap and no doubled row.

    Args:
        plot_every_n_epochs: Draw the curves after every n-th epoch and at the end; 0: at the end only.
        background: Draw the curves within the training in another process; None: where a GPU trains, which
            would wait longer for a drawing than for an epoch's tenth. What a kill left undrawn is drawn when
            the run goes on.

    Source:
        ``train`` and ``draw_train_history`` of the notebook.
    """

    def __init__(self, plot_every_n_epochs: int = 1, background: bool | None = None) -> None:
        self.plot_every_n_epochs = plot_every_n_epochs
        self.background = background
        self._background: Background | None = None
        self._optional = OptionalSteps()
        self._measured: tuple[Figure, ...] = ()
        self._rows = torch.empty(0, len(COUNTERS), dtype=torch.float64)
        self._figures = torch.empty(0)  # of the unfinished epoch, on the device
        self._counters: list[tuple[int, int, float]] = []  # as many as rows are filled
        self._seconds_before = 0.0
        self._started = 0.0

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the table's columns: the counters, then the figures of the system."""
        return (*COUNTERS, *(figure.name for figure in self._measured))

    def form(self, system: System, position: Position) -> Form:
        """Return the form of this callback's state in a checkpoint of a position."""
        columns = len(COUNTERS) + len(system.figures)
        rows = tensor((None, columns), torch.float64, is_finite=True)
        return fields({"rows": both(rows, lambda value: _gap(value, position))})

    def setup(self, trainer: pl.Trainer, pl_module: pl.LightningModule, stage: str) -> None:
        """Lay out the table, before a checkpoint is read."""
        assert isinstance(pl_module, System)
        self._measured = pl_module.figures
        self._rows = torch.empty(0, len(self.columns), dtype=torch.float64)

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock from the checkpoint's seconds; allocate an epoch's figures."""
        # One tensor: many small ones that stay would divide the memory that is free for large ones.
        shape = (int(trainer.num_training_batches), len(self._measured))
        self._figures = torch.empty(shape, device=pl_module.device)
        is_on_gpu = pl_module.device.type != "cpu"
        if is_on_gpu if self.background is None else self.background:
            self._background = Background()
        if trainer.is_global_zero:
            with self._optional("figures.json was not written"):
                path = Path(trainer.default_root_dir) / FIGURES_FILE
                write_atomic(path, encode_figures(self._measured))
        self._draw_missing(trainer)
        self._seconds_before = float(self._rows[-1, 2]) if len(self._rows) else 0.0
        self._started = time.perf_counter()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: object, batch_idx: int
    ) -> None:
        """Record the figures of an iteration."""
        seconds = self._seconds_before + time.perf_counter() - self._started
        self._counters.append((trainer.current_epoch + 1, batch_idx + 1, seconds))
        self._figures[len(self._counters) - 1] = torch.stack(
            [outputs[figure.name] for figure in self._measured]
        )

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the table and, where due, the curves.

        Raises:
            DivergedError: A figure of this epoch is not finite.
        """
        assert isinstance(pl_module, System)
        self._collect()
        self._check_finite(pl_module.remedy)
        epoch = trainer.current_epoch + 1
        if trainer.is_global_zero:
            self._write_table(trainer)
            if self._is_due(epoch):
                self._write_curves(trainer, epoch)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the remaining files; also when a finished run is started again."""
        if trainer.is_global_zero and len(self._rows):
            self._close_background()
            self._write_table(trainer)
            epoch = int(self._rows[-1, 0])
            if not self._curves_path(trainer, epoch).exists():
                self._write_curves(trainer, epoch)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Write table and curves so far."""
        self._close_background()
        self._collect()
        if trainer.is_global_zero and len(self._rows):
            self._write_table(trainer)
            self._write_curves(trainer, int(self._rows[-1, 0]))

    def state_dict(self) -> dict[str, Any]:
        """Return all rows, (iterations, columns) in float64, in the order of `columns`."""
        self._collect()
        return {"rows": self._rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the rows of a checkpoint."""
        self._rows = state_dict["rows"]

    def column(self, name: str) -> np.ndarray:
        """Return one column of the finished rows, (iterations,)."""
        array: np.ndarray = self._rows[:, self.columns.index(name)].numpy()
        return array

    def _collect(self) -> None:
        """Copy the recorded figures from the device, with a single synchronization."""
        if not self._counters:
            return
        figures = self._figures[: len(self._counters)].double().cpu()
        counters = torch.tensor(self._counters, dtype=torch.float64)
        self._rows = torch.cat([self._rows, torch.cat([counters, figures], dim=1)])
        self._counters = []

    def _check_finite(self, remedy: str) -> None:
        bad = torch.nonzero(~torch.isfinite(self._rows))
        if len(bad):
            row, column = bad[0].tolist()
            epoch, iteration = int(self._rows[row, 0]), int(self._rows[row, 1])
            raise DivergedError(
                divergence(self.columns[column], float(self._rows[row, column]), epoch, iteration, remedy)
            )

    def _write_table(self, trainer: pl.Trainer) -> None:
        formats = ["%d", "%d", "%.3f", *[FIGURE] * len(self._measured)]
        with self._optional("history.csv was not written"):
            write_table(_history_folder(trainer) / "history.csv", self.columns, formats, self._rows)

    def _is_due(self, epoch: int) -> bool:
        return bool(self.plot_every_n_epochs) and epoch % self.plot_every_n_epochs == 0

    def _draw_missing(self, trainer: pl.Trainer) -> None:
        """Draw the curves of the checkpoint's epoch if the process was killed while it drew them."""
        epoch = trainer.current_epoch
        is_at_epochs_end = len(self._rows) > 0 and int(self._rows[-1, 0]) == epoch
        if trainer.is_global_zero and is_at_epochs_end and self._is_due(epoch):
            path = self._curves_path(trainer, epoch)
            if path.parent.is_dir() and not path.exists():
                self._write_curves(trainer, epoch)

    def _close_background(self) -> None:
        background, self._background = self._background, None
        if background is not None:
            with self._optional("the curves were not drawn"):
                background.close()

    def _write_curves(self, trainer: pl.Trainer, epoch: int) -> None:
        history = {figure.name: self.column(figure.name) for figure in self._measured}
        iterations_per_epoch = int(self.column("iteration").max())
        path = self._curves_path(trainer, epoch)
        if self._background is not None:
            with self._optional("the curves were not drawn"):  # the one before
                self._background.wait()
        with self._optional("the curves were not drawn"):
            if self._background is None:
                write_atomic(path, draw_curves(history, iterations_per_epoch, self._measured))
            else:
                self._background.write(path, draw_curves, history, iterations_per_epoch, self._measured)

    def _curves_path(self, trainer: pl.Trainer, epoch: int) -> Path:
        return _history_folder(trainer) / f"train_history_{epoch:04d}.png"


def _gap(rows: torch.Tensor, position: Position) -> str | None:
    """Return what is wrong with the counters of a table, which may begin late but ends at a position."""
    epochs, iterations, seconds = rows[:, : len(COUNTERS)].unbind(1)
    goes_on = (epochs.diff() == 0) & (iterations.diff() == 1)
    begins_anew = (epochs.diff() == 1) & (iterations[1:] == 1)
    if not (goes_on | begins_anew).all() or (seconds.diff() < 0).any():
        return "must have the iterations in their order and without a gap"
    if not len(rows):
        return "must have the checkpoint's last iteration" if position.total else None
    is_last = int(epochs[-1]) == position.epoch and position.last in (0, int(iterations[-1]))
    if len(rows) > position.total or not is_last:
        return f"must end with the last of the checkpoint's {position.total} iterations"
    return None


def _history_folder(trainer: pl.Trainer) -> Path:
    return Path(trainer.default_root_dir) / "history"
