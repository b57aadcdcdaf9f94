"""How a training stands that has not ended yet, for the page that is written while it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dcgan_lightning.core.durations import format_duration

State = Literal["ended", "running", "interrupted"]
"""Of a training; "interrupted": its process was killed, and nobody has gone on with it."""


@dataclass(frozen=True)
class Live:
    """How a training stands.

    Attributes:
        epoch: From 1.
        epochs: Of the whole run.
        iteration: Within the epoch, from 1.
        iterations: An epoch's.
        seconds_left: Until the end of the run; None if not known yet.
        rate: Images a second.
        warnings: What is wrong with the training, a sentence each.
        history: Columns of the iterations so far, those of the unfinished epoch too, each (iterations,).
        written: When the page was written.
        again: Seconds until it is written again, about.
    """

    epoch: int
    epochs: int
    iteration: int
    iterations: int
    seconds_left: float | None
    rate: float
    warnings: tuple[str, ...]
    history: Mapping[str, NDArray[np.float64]]
    written: datetime
    again: float

    @property
    def share(self) -> float:
        """Part of the run that is done, in [0, 1]."""
        return ((self.epoch - 1) * self.iterations + self.iteration) / (self.epochs * self.iterations)

    @property
    def left(self) -> str:
        """Time left, to be read."""
        return "" if self.seconds_left is None else f"{format_duration(self.seconds_left)} left"
