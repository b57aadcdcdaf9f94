"""Ending a run between two iterations on request."""

import contextlib
import logging
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from dcgan_lightning.callbacks.checkpoints import Checkpoints
from dcgan_lightning.core.locks import check_ownership
from dcgan_lightning.core.meetings import meet
from dcgan_lightning.core.signals import end, handling, in_main_thread, stopping_signals

log = logging.getLogger(__name__)


class GracefulStop(Callback):
    """Heed SIGTERM, SIGHUP and Ctrl-C after the current iteration, on all processes after the same one.

    Lightning then saves nothing by itself; `Checkpoints` does. A second Ctrl-C ends the process at once, and
    so does any signal before the first iteration.

    Attributes:
        signal: The signal that ended the run, if one did.
        iterations: Finished ones of the epoch that is not finished.
        is_graceful: True if the current iteration was finished and saved before exiting.
    """

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self.iterations = 0
        self.is_graceful = False
        self._is_training = False
        self._is_between_epochs = False
        self._saves = False

    @contextlib.contextmanager
    def armed(self, trainer: pl.Trainer) -> Iterator[None]:
        """Take the signals while the block runs; nothing happens outside of the main thread."""
        self._saves = any(isinstance(part, Checkpoints) for part in trainer.checkpoint_callbacks)
        # Lightning would exchange whether it was asked to stop; the processes have agreed on that already.
        trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None  # type: ignore[method-assign]
        if not in_main_thread():
            yield
            return
        # Lightning's own handler exchanges tensors between processes from within the handler, whatever the
        # others are doing at that moment, and on SLURM it saves in the middle of an iteration.
        trainer._signal_connector.register_signal_handlers = lambda: None  # type: ignore[method-assign]
        with handling(stopping_signals(), self._on_signal):
            yield

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        again = self.signal == number
        self.signal = signal.Signals(number)
        self.is_graceful = self._is_training and not (again and number == signal.SIGINT)
        if not self._is_training or (again and number == signal.SIGINT):
            end(number, frame)
        if not again:
            what = ", then saving" if self._saves else "; without callbacks.checkpoint nothing is saved"
            hint = "; press Ctrl-C again to stop at once" if number == signal.SIGINT else ""
            log.info("\n%s%s%s", self._describe_wait(), what, hint)

    def _describe_wait(self) -> str:
        """Return what the run has to finish before it can end."""
        if self._is_between_epochs:
            return "finishing the pictures, scores and files of this epoch and one more iteration"
        return "finishing this iteration"

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """From now on there is an iteration to finish."""
        self._is_training = True

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: object, batch_idx: int
    ) -> None:
        """Let all processes begin the iteration together, however long the first one has drawn or saved."""
        meet("iteration")
        self._is_between_epochs = False

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Let Lightning end the loop if any process was asked to, by a signal or by another callback.

        A callback, as Lightning's Timer, asks by ``trainer.should_stop``. Lightning would end the epoch there
        and count it as a whole one; at its last iteration it is one.

        Raises:
            RunFolderError: The run's folder was removed or belongs to another run; loggers write next.
        """
        check_ownership(trainer.default_root_dir)
        is_last = batch_idx + 1 == trainer.num_training_batches
        self._is_between_epochs = is_last
        self.iterations = 0 if is_last else batch_idx + 1
        asks = self.signal is not None or (trainer.should_stop and not is_last)
        if trainer.strategy.reduce_boolean_decision(asks, all=False):
            trainer._signal_connector.received_sigterm = True

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """There is no iteration left to finish."""
        self._is_training = False
