"""The position of a checkpoint: Lightning's counters, and whether they are consistent."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_STEPS = ("completed", "processed", "started", "ready")  # each at most the next one, and one behind it


@dataclass(frozen=True)
class Position:
    """How far a run has come.

    Attributes:
        epochs: Finished epochs.
        iterations: Iterations into the next epoch.
        total: Iterations over all epochs.
        last: The last iteration's number in its epoch, from 1; 0 if an epoch has just begun.
    """

    epochs: int
    iterations: int
    total: int
    last: int

    @property
    def epoch(self) -> int:
        """The epoch of the last iteration, from 1."""
        return self.epochs + (self.iterations > 0)


def position_of(checkpoint: Mapping[str, Any]) -> Position:
    """Return the position of a checkpoint whose parts have the right form."""
    fit_loop = checkpoint["loops"]["fit_loop"]
    batches = fit_loop["epoch_loop.batch_progress"]
    last = batches["current"]["ready"]
    iterations = 0 if batches["is_last_batch"] else last
    epochs = fit_loop["epoch_progress"]["current"]["processed"]
    return Position(epochs, iterations, batches["total"]["ready"], last)


def counters_problem(checkpoint: Mapping[str, Any]) -> str | None:
    """Return which of the counters is impossible in any run, or None.

    Args:
        checkpoint: Its parts have the right form.
    """
    fit_loop = checkpoint["loops"]["fit_loop"]
    for part in ("epoch_progress", "epoch_loop.batch_progress"):
        counters, name = fit_loop[part], f"loops.fit_loop.{part}"
        for kind in ("current", "total"):
            counts = [counters[kind][step] for step in _STEPS]
            if counts != sorted(counts) or counts[-1] - counts[0] > 1:
                return f"{name}.{kind} has counters that contradict each other"
        if counters["total"]["ready"] < counters["current"]["ready"]:
            return f"{name}.total is less than {name}.current"
    epochs = fit_loop["epoch_progress"]["current"]
    if not epochs["completed"] <= checkpoint["epoch"] <= epochs["ready"]:
        return f"epoch={checkpoint['epoch']} contradicts loops.fit_loop.epoch_progress"
    return None


def position_problem(position: Position, iterations_per_epoch: int) -> str | None:
    """Return why a position is impossible with this number of iterations per epoch, or None."""
    expected = position.epochs * iterations_per_epoch + position.iterations
    if position.iterations < iterations_per_epoch and position.total == expected:
        return None
    return (
        f"loops.fit_loop.epoch_loop.batch_progress counts {position.total} iterations for {position.epochs} "
        f"epochs of {iterations_per_epoch} and {position.iterations} more"
    )
