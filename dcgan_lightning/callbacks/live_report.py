"""The report of a run that still trains."""

import time
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from numpy.typing import NDArray
from pytorch_lightning.callbacks import Callback

from dcgan_lightning.callbacks.collapse import Collapse, variety_shares
from dcgan_lightning.callbacks.history import History
from dcgan_lightning.callbacks.position import find_position, start_pace
from dcgan_lightning.callbacks.progress import Progress
from dcgan_lightning.core.heartbeat import Pace
from dcgan_lightning.core.optional import OptionalSteps
from dcgan_lightning.data import InMemoryDataModule
from dcgan_lightning.reports import Live, write_report
from dcgan_lightning.systems import Sampler, System

_LATEST = 100  # iterations whose accuracies are looked at
_WON = 0.99  # accuracy of a discriminator that is fooled by nothing


class LiveReport(Callback):
    """Write ``report.html`` now and then while a run trains; the open page follows by itself.

    After a page that took long to write the next one comes later.

    Args:
        least_seconds: Shortest time between two pages.
        most_share: Largest part of the time that goes into pages.
    """

    def __init__(self, least_seconds: float = 5.0, most_share: float = 0.008) -> None:
        self.least_seconds = least_seconds
        self.most_share = most_share
        self._optional = OptionalSteps()
        self._pace = Pace()
        self._next = 0.0
        self._interval = least_seconds
        self._compared = (0, "")  # epoch, and what was wrong then

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock."""
        self._pace = start_pace(trainer)
        self._next = time.monotonic() + self.least_seconds

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Write the page where due."""
        started = time.monotonic()
        if not trainer.is_global_zero or started < self._next:
            return
        self._pace.note(trainer.current_epoch * int(trainer.num_training_batches) + batch_idx + 1, started)
        with self._optional("the report of the running training was not written"):
            assert isinstance(pl_module, System)
            write_report(
                Path(trainer.default_root_dir), "running", self._stand(trainer, pl_module, batch_idx + 1)
            )
        seconds = time.monotonic() - started
        self._interval = max(self.least_seconds, seconds / self.most_share)
        self._next = started + self._interval

    def _stand(self, trainer: pl.Trainer, system: System, iteration: int) -> Live:
        history = _history(trainer)
        return Live(
            **find_position(trainer, iteration, self._pace),
            rate=self._pace.rate * getattr(getattr(trainer, "datamodule", None), "batch_size", 0),
            warnings=tuple(self._warnings(trainer, system, history)),
            history=history,
            written=datetime.now(),
            again=self._interval,
        )

    def _warnings(
        self, trainer: pl.Trainer, system: System, history: dict[str, NDArray[np.float64]]
    ) -> list[str]:
        found = []
        if bad := [name for name, values in history.items() if not np.isfinite(values).all()]:
            found.append(f"The training diverges: {', '.join(bad)} is not finite any more.")
        if collapse := self._find_collapse(trainer, system):
            found.append(collapse)
        accuracies = [
            history[name][-_LATEST:] for name in ("real_accuracy", "fake_accuracy") if name in history
        ]
        if accuracies and len(accuracies[0]) == _LATEST and min(part.mean() for part in accuracies) > _WON:
            found.append(
                "The discriminator takes no generated image for real any more: the generator learns little."
            )
        progress = next((part for part in _callbacks(trainer) if isinstance(part, Progress)), None)
        if progress is not None and progress.contention:
            found.append(f"{progress.contention[:1].upper()}{progress.contention[1:]}.")
        return found

    def _find_collapse(self, trainer: pl.Trainer, system: System) -> str:
        """Return a sentence if generated images hardly differ; looks once an epoch."""
        datamodule = getattr(trainer, "datamodule", None)
        epoch = trainer.current_epoch + 1
        if not isinstance(system, Sampler) or not isinstance(datamodule, InMemoryDataModule):
            return ""
        if epoch < Collapse().after_epochs or epoch == self._compared[0]:
            return self._compared[1]
        shares = variety_shares(system, datamodule.images, datamodule.labels)
        which = min(shares, key=lambda name: shares[name], default=None)
        sentence = ""
        if which is not None and shares[which] < Collapse().least_variety:
            sentence = (
                f"The generator collapses: {which} differ {shares[which]:.3f} times as much as real ones."
            )
        self._compared = (epoch, sentence)
        return sentence


def _callbacks(trainer: pl.Trainer) -> list[Callback]:
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return callbacks


def _history(trainer: pl.Trainer) -> dict[str, NDArray[np.float64]]:
    """Return the columns of the iterations so far, by their names; none without `History`."""
    history = next((part for part in _callbacks(trainer) if isinstance(part, History)), None)
    if history is None:
        return {}
    rows = history.state_dict()["rows"].numpy()
    return dict(zip(history.columns, rows.T, strict=True)) if len(rows) else {}
