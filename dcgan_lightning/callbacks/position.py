"""Where a training is, for what is shown of it while it runs."""

from typing import Any

import pytorch_lightning as pl

from dcgan_lightning.core.heartbeat import Pace


def start_pace(trainer: pl.Trainer) -> Pace:
    """Return a clock of iterations that starts where the training does, also in a resumed run."""
    batches = trainer.fit_loop.epoch_loop.batch_progress
    position = 0 if batches.is_last_batch else batches.current.ready  # set when resumed within an epoch
    return Pace(trainer.current_epoch * int(trainer.num_training_batches) + position)


def find_position(trainer: pl.Trainer, iteration: int, pace: Pace) -> dict[str, Any]:
    """Return the arguments of a `Standing` that do not depend on what is shown: all but ``rate``.

    Args:
        trainer: The running trainer.
        iteration: The current iteration of the epoch, from 1.
        pace: The clock of `start_pace`, with this iteration noted.
    """
    epochs, iterations = int(trainer.max_epochs or 0), int(trainer.num_training_batches)
    return {
        "epoch": trainer.current_epoch + 1,
        "epochs": epochs,
        "iteration": iteration,
        "iterations": iterations,
        "seconds_left": pace.seconds_left(epochs * iterations),
    }
