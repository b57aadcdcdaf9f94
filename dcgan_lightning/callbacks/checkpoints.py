"""Checkpoints to resume from."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Checkpoint

from dcgan_lightning.core.durations import format_position
from dcgan_lightning.core.errors import CheckpointError
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.regular_files import read_file
from dcgan_lightning.runs.checkpoints import progress, read_checkpoint

log = logging.getLogger(__name__)


@runtime_checkable
class CheckpointKeeper(Protocol):
    """A callback that keeps some epochs' checkpoints under its own names."""

    def kept_names(self, epoch: int) -> Sequence[str]:
        """Return the names under which the checkpoint of a finished epoch is kept; epochs count from 1."""


class Checkpoints(Checkpoint):
    """Save ``checkpoints/last.ckpt`` after every epoch and ``checkpoints/epoch_0005.ckpt`` every few.

    ``last.ckpt`` is written first, after all other files of the epoch, and the checkpoints that are kept are
    copies of it. If the process is killed or the disk is full in between, the run resumes from ``last.ckpt``
    and makes the missing copies first; before it, the epoch is trained again.

    Lightning's own ModelCheckpoint counts optimizer steps (two an iteration here), picks "last" by the
    clock, and overwrites files in place; this one counts epochs and iterations and never removes a file.

    Args:
        every_n_epochs: Keep a checkpoint every n epochs, >= 1; the notebook has 5.
        every_n_iterations: Also renew ``last.ckpt`` within an epoch, every n iterations. ``None`` for never.

    Source:
        ``train`` of the notebook.
    """

    def __init__(self, every_n_epochs: int = 5, every_n_iterations: int | None = None) -> None:
        self.every_n_epochs = every_n_epochs
        self.every_n_iterations = every_n_iterations
        self._loaded_epoch: int | None = None  # at whose end the run resumes
        self._has_unsaved_step = False  # in the loggers: Lightning logs a step after `on_train_batch_end`

    def on_load_checkpoint(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Record where the run resumes."""
        epochs, iterations = progress(checkpoint)
        self._loaded_epoch = None if iterations else epochs

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Make the copies that a killed process still owed; also when a finished run is started again."""
        if self._loaded_epoch and trainer.is_global_zero:
            self._copy(trainer, Path(str(trainer.ckpt_path)), self._loaded_epoch)

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: object, batch_idx: int
    ) -> None:
        """Make the loggers write the step of a checkpoint within the epoch, which is not logged again."""
        if self._has_unsaved_step:
            _save_loggers(trainer)
            self._has_unsaved_step = False

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save within the epoch, every few iterations and where the run is asked to stop.

        A stop is known between two iterations only (see `GracefulStop`, which comes before this callback),
        when the state is whole. It is saved here and not when Lightning ends the loop: then other callbacks
        come first, and one that fails would lose it.
        """
        iteration = batch_idx + 1
        # Not at the epoch's last iteration: Lightning would then skip the end of this epoch on resuming,
        # and the epoch's own checkpoint comes anyway.
        is_last = iteration == trainer.num_training_batches
        is_due = iteration % self.every_n_iterations == 0 if self.every_n_iterations else False
        if (is_due or trainer.received_sigterm) and not is_last:
            last = self._save(trainer)
            self._has_unsaved_step = True
            _report_stop(trainer, last, format_position(trainer.current_epoch, iteration))

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the finished epoch."""
        last = self._save(trainer)
        if trainer.is_global_zero:
            self._copy(trainer, last, trainer.current_epoch + 1)
        _report_stop(trainer, last, format_position(trainer.current_epoch + 1, 0))

    def _save(self, trainer: pl.Trainer) -> Path:
        last = checkpoints_folder(trainer) / "last.ckpt"
        _save_loggers(trainer)
        trainer.save_checkpoint(last)
        return last

    def _copy(self, trainer: pl.Trainer, source: Path, epoch: int) -> None:
        """Copy an epoch's checkpoint to all names that it has not reached yet."""
        names = ["last.ckpt"]
        if epoch % self.every_n_epochs == 0:
            names.append(f"epoch_{epoch:04d}.ckpt")
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, CheckpointKeeper):
                names += callback.kept_names(epoch)
        for path in (checkpoints_folder(trainer) / name for name in names):
            if not _holds(path, source, epoch):
                write_atomic(path, read_file(source))


def _report_stop(trainer: pl.Trainer, path: Path, place: str) -> None:
    """Log what a run that is asked to stop has saved, as other callbacks still have files to write."""
    if trainer.received_sigterm and trainer.is_global_zero:
        log.info("saved %s at %s; finishing pictures and report", path, place)


def _save_loggers(trainer: pl.Trainer) -> None:
    for logger in trainer.loggers:
        logger.save()


def _holds(path: Path, source: Path, epoch: int) -> bool:
    """Tell whether a file is the checkpoint of an epoch's end, or of a later time."""
    if not path.exists():
        return False
    if path.samefile(source):
        return True
    try:
        return progress(read_checkpoint(path)) >= (epoch, 0)
    except CheckpointError:
        return False


def checkpoints_folder(trainer: pl.Trainer) -> Path:
    """Return the folder of a run's checkpoints."""
    return Path(trainer.default_root_dir) / "checkpoints"
