"""Saving a run so that it can go on."""

import io
import re
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Checkpoint
from pytorch_lightning.plugins.io import CheckpointIO

from dcgan_lightning.checkpoints import first_not_finite, read_checkpoint
from dcgan_lightning.errors import DivergedError
from dcgan_lightning.files import write_atomic


class Checkpoints(Checkpoint):
    """Save ``checkpoints/last.ckpt`` after every epoch and ``checkpoints/epoch_0005.ckpt`` every few.

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

    def on_train_batch_end(
        self,
        trainer: pl.Trainer,
        pl_module: pl.LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Save within the epoch, every few iterations and where the run is asked to stop.

        A stop is known between two iterations only (see `GracefulStop`, which stands before this callback),
        when the state is whole. It is saved here and not when Lightning ends the loop: then other callbacks
        come first, and one that fails would lose it.
        """
        iteration = batch_idx + 1
        # Not at the epoch's last iteration: Lightning would then skip the end of this epoch on resuming,
        # and the epoch's own checkpoint comes anyway.
        is_last = iteration == trainer.num_training_batches
        is_due = iteration % self.every_n_iterations == 0 if self.every_n_iterations else False
        if (is_due or trainer.received_sigterm) and not is_last:
            trainer.save_checkpoint(checkpoints_folder(trainer) / "last.ckpt")

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Save the finished epoch."""
        folder = checkpoints_folder(trainer)
        epoch = trainer.current_epoch + 1
        if epoch % self.every_n_epochs == 0:
            trainer.save_checkpoint(folder / f"epoch_{epoch:04d}.ckpt")
        trainer.save_checkpoint(folder / "last.ckpt")


def checkpoints_folder(trainer: pl.Trainer) -> Path:
    """Return the folder of a run's checkpoints."""
    return Path(trainer.default_root_dir) / "checkpoints"


_OWN_NAME = re.compile(r"(last|best|epoch_\d+)\.ckpt")  # what the project writes, and never removes


class AtomicCheckpointIO(CheckpointIO):
    """Write checkpoints whole or not at all, and read none that is damaged or could run code.

    The first two of the following are kept in each checkpoint.

    Args:
        fingerprint: Settings that a resumed run must share (see `dcgan_lightning.config.fingerprint`).
        environment: What the run's bits depend on besides: PyTorch's version, the device, the threads.
        folder: The run's folder; without it no checkpoint is ever removed.
    """

    def __init__(
        self,
        fingerprint: dict[str, Any] | None = None,
        environment: dict[str, Any] | None = None,
        folder: Path | None = None,
    ) -> None:
        self.folder = folder
        self.fingerprint = fingerprint or {}
        self.environment = environment or {}

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint atomically (see `write_atomic` for its errors).

        Raises:
            DivergedError: A weight is not finite; the previous checkpoint stays.
        """
        if name := first_not_finite(checkpoint):
            raise DivergedError(
                f"{name} is not finite, so {path} is not written; "
                "try smaller model.generator_lr and model.discriminator_lr"
            )
        buffer = io.BytesIO()
        own = {"fingerprint": self.fingerprint, "environment": self.environment}
        torch.save(checkpoint | own, buffer)
        write_atomic(path, buffer.getbuffer())

    def load_checkpoint(
        self, path: str | Path, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read and check a checkpoint (see `read_checkpoint` for the errors)."""
        return read_checkpoint(Path(path))

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint that one of Lightning's callbacks made in the run's folder, and nothing else.

        Such callbacks take the path from the checkpoint that was loaded, which may name anything.
        """
        path = Path(path)
        is_inside = self.folder is not None and path.resolve().is_relative_to(self.folder.resolve())
        is_file = path.suffix == ".ckpt" and path.is_file() and not path.is_symlink()
        if is_inside and is_file and not _OWN_NAME.fullmatch(path.name):
            path.unlink()
