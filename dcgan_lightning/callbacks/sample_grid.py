"""The same inputs as images, again and again while the networks learn."""

import contextlib
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback
from torch import Tensor

from dcgan_lightning.callbacks.averaged_generator import find_average
from dcgan_lightning.callbacks.tracking import log_picture
from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.optional import OptionalSteps
from dcgan_lightning.core.pixels import to_uint8
from dcgan_lightning.data import InMemoryDataModule
from dcgan_lightning.pictures import add_captions, decode_png, encode_png, make_grid, with_title
from dcgan_lightning.runs.folder import grid_name
from dcgan_lightning.systems import System


@runtime_checkable
class GridListener(Protocol):
    """A callback that receives each sample grid."""

    def on_sample_grid(self, png: bytes) -> None:
        """Take the bytes of the grid's PNG file."""


class SampleGrid(Callback):
    """Draw sample grids into ``samples/`` without touching the training.

    Grids are drawn at iterations 1, 1 + n, 1 + 2n, ... of every epoch and at its end, as
    ``sample_epoch_0001_iter_001.png``. In the same folder are ``real.png`` (the first training images) and
    ``untrained.png``. A grid's epoch and iteration are the title in its metadata. What is shown follows from
    the run's seed alone (see `System.preview`).

    Args:
        every_n_iterations: n above, >= 1; the notebook has 50.
        rows: Rows of the grid.
        columns: Columns of the grid.
        scale: Side of the square that each pixel becomes; None: see `fitting_scale`.
        averaged: Draw with the averaged generator (see `AveragedGenerator`) instead of the one that trains.

    Source:
        ``generate_and_save_images`` and ``train`` of the notebook.
    """

    def __init__(
        self,
        every_n_iterations: int = 50,
        rows: int = 4,
        columns: int = 4,
        scale: int | None = None,
        averaged: bool = False,
    ) -> None:
        self.every_n_iterations = every_n_iterations
        self.rows = rows
        self.columns = columns
        self.scale = scale
        self.averaged = averaged
        self._optional = OptionalSteps()

    def draw(self, system: System) -> bytes:
        """Return the current grid as the bytes of a PNG file; nothing in the system changes."""
        panels = system.panels
        images = to_uint8(system.preview(self.rows * self.columns))
        if len(panels) == 1:
            return self._encode(images)
        grid = make_grid(images, self.columns, self.scale, group=len(panels))
        return encode_png(add_captions([grid], [" | ".join(panels)])[0])

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Show real images and what the untrained generator makes.

        Raises:
            ConfigError: The columns would tear apart what belongs side by side.
        """
        assert isinstance(pl_module, System)
        panels = pl_module.panels
        if self.columns % len(panels):
            raise ConfigError(
                f"callbacks.sample_grid.columns must be a multiple of {len(panels)}, for {', '.join(panels)} "
                f"side by side; got {self.columns}"
            )
        if not trainer.is_global_zero:
            return
        folder = _samples_folder(trainer)
        datamodule = getattr(trainer, "datamodule", None)
        if isinstance(datamodule, InMemoryDataModule):
            with self._optional("real.png was not written"):
                shown = datamodule.first_images(self.rows * self.columns)
                write_atomic(folder / "real.png", self._encode(self._whole_rows(shown)))
        is_new = trainer.current_epoch == 0 and trainer.fit_loop.epoch_loop.batch_progress.current.ready == 0
        if is_new:
            with self._optional("untrained.png was not written"):
                write_atomic(folder / "untrained.png", self.draw(pl_module))

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Draw a grid if due and pass it to the callbacks and loggers that take grids."""
        assert isinstance(pl_module, System)
        is_last = batch_idx + 1 == trainer.num_training_batches
        if not trainer.is_global_zero or (batch_idx % self.every_n_iterations != 0 and not is_last):
            return
        average = find_average(trainer) if self.averaged else None
        with self._optional("a sample grid was not drawn"):
            with average.shown(pl_module) if average else contextlib.nullcontext():
                png = self.draw(pl_module)
            moment = f"epoch {trainer.current_epoch + 1}, iteration {batch_idx + 1}"
            self._hand_over(trainer, with_title(png, moment), batch_idx)

    def _hand_over(self, trainer: pl.Trainer, png: bytes, batch_idx: int) -> None:
        """Pass a grid to all its receivers; a failure of one does not affect the others."""
        name = grid_name(trainer.current_epoch + 1, batch_idx + 1)
        with self._optional("a sample grid was not written"):
            write_atomic(_samples_folder(trainer) / name, png)
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if isinstance(callback, GridListener):
                with self._optional(f"{type(callback).__name__} did not take a sample grid"):
                    callback.on_sample_grid(png)
        step = trainer.current_epoch * int(trainer.num_training_batches) + batch_idx  # as the figures'
        for logger in trainer.loggers:
            with self._optional(f"{type(logger).__name__} did not take a picture"):
                log_picture(logger, "samples", decode_png(png), step)

    def _whole_rows(self, images: Tensor) -> Tensor:
        """Return the first images of a data set: a whole grid, or as many whole rows as they fill."""
        count = min(len(images), self.rows * self.columns)
        return images[: count - count % self.columns or count]

    def _encode(self, images: Tensor) -> bytes:
        return encode_png(make_grid(images, self.columns, self.scale))


def _samples_folder(trainer: pl.Trainer) -> Path:
    return Path(trainer.default_root_dir) / "samples"
