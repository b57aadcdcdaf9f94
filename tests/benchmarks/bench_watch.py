"""A Lightning callback that tells a clock of each iteration."""

from typing import Any

import pytorch_lightning as pl
from bench_process import Clock
from pytorch_lightning.callbacks import Callback


class IterationClock(Callback):
    """Tick at the end of each iteration."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Tick."""
        self.clock.tick()
