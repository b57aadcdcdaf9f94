"""How far the run is, for a person."""

import sys
import time
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from torch import Tensor
from tqdm import tqdm

from dcgan_lightning.durations import format_duration
from dcgan_lightning.processes import is_parallel_job
from dcgan_lightning.systems import METRIC_NAMES


class Progress(Callback):
    """Show one bar for the whole run on a terminal, and one line an epoch anywhere else.

    Args:
        refresh_seconds: The bar is redrawn at most this often. Only then are the figures fetched from the
            training device.
    """

    def __init__(self, refresh_seconds: float = 0.5) -> None:
        self.refresh_seconds = refresh_seconds
        self._bar: tqdm[Any] | None = None
        self._started = 0.0
        self._images = 0  # since the start of this process
        self._done_before = 0  # iterations of the run before this process
        self._next_refresh = 0.0
        self._figures: dict[str, Tensor] = {}

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock and, on a terminal, the bar."""
        self._started = time.monotonic()
        batches = trainer.fit_loop.epoch_loop.batch_progress
        position = 0 if batches.is_last_batch else batches.current.ready  # set when resumed within an epoch
        self._done_before = trainer.current_epoch * int(trainer.num_training_batches) + position
        if trainer.is_global_zero and sys.stderr.isatty() and not is_parallel_job():
            self._bar = tqdm(
                total=self._iterations_in_all(trainer),
                initial=self._done_before,
                dynamic_ncols=True,
                bar_format="{percentage:3.0f}% |{bar:10}| {desc}",
            )

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar."""
        self._images += len(batch) * trainer.world_size
        self._figures = outputs
        if self._bar is None:
            return
        self._bar.n += 1
        now = time.monotonic()
        if now >= self._next_refresh or batch_idx + 1 == trainer.num_training_batches:
            self._next_refresh = now + self.refresh_seconds
            self._bar.set_description_str(
                f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs} "
                f"iteration {batch_idx + 1}/{trainer.num_training_batches} "
                f"| {self._pace(trainer, batch_idx)} | {_format_figures(outputs)}"
            )

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print a line where there is no bar."""
        if self._bar is None and trainer.is_global_zero:
            figures = _format_figures(self._figures)
            pace = self._pace(trainer, int(trainer.num_training_batches) - 1)
            print(f"epoch {trainer.current_epoch + 1}/{trainer.max_epochs} | {pace} | {figures}", flush=True)

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar."""
        self._close()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Close the bar."""
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _pace(self, trainer: pl.Trainer, batch_idx: int) -> str:
        elapsed = max(time.monotonic() - self._started, 1e-9)
        done = trainer.current_epoch * int(trainer.num_training_batches) + batch_idx + 1
        done_now = max(done - self._done_before, 1)
        left = elapsed / done_now * (self._iterations_in_all(trainer) - done)
        return f"{format_duration(left)} left, {self._images / elapsed:,.0f} images/s"

    def _iterations_in_all(self, trainer: pl.Trainer) -> int:
        return int(trainer.max_epochs or 0) * int(trainer.num_training_batches)


def _format_figures(figures: dict[str, Tensor]) -> str:
    values = torch.stack([figures[name] for name in METRIC_NAMES]).tolist()  # one sync
    gen_loss, disc_loss, real_accuracy, fake_accuracy = values
    return (
        f"gen_loss {gen_loss:.3f} disc_loss {disc_loss:.3f} "
        f"real_accuracy {real_accuracy:.2f} fake_accuracy {fake_accuracy:.2f}"
    )
