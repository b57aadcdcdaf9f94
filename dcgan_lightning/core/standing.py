"""How far a run is."""

from dataclasses import dataclass

from dcgan_lightning.core.durations import format_duration


@dataclass(frozen=True)
class Standing:
    """A run's progress.

    Attributes:
        epoch: From 1.
        epochs: Of the whole run.
        iteration: Within the epoch, from 1.
        iterations: An epoch's.
        seconds_left: Until the end of the run; None if not known yet.
        rate: Images a second.
    """

    epoch: int
    epochs: int
    iteration: int
    iterations: int
    seconds_left: float | None
    rate: float

    @property
    def share(self) -> float:
        """Part of the run that is done, in [0, 1]."""
        return ((self.epoch - 1) * self.iterations + self.iteration) / (self.epochs * self.iterations)

    @property
    def left(self) -> str:
        """Time left as text, "" if not known yet."""
        return "" if self.seconds_left is None else f"{format_duration(self.seconds_left)} left"
