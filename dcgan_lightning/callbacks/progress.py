"""Progress of a run on the terminal or in a log."""

import contextlib
import logging
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from dcgan_lightning.callbacks.position import find_position, start_pace
from dcgan_lightning.core.contention import ComputingTime
from dcgan_lightning.core.durations import format_duration
from dcgan_lightning.core.heartbeat import LINE_SECONDS, START_SECONDS, Heartbeat, Pace, has_bar
from dcgan_lightning.core.measured import Figure
from dcgan_lightning.core.standing import Standing
from dcgan_lightning.systems import System

log = logging.getLogger(__name__)

_BAR_CELLS = 10
_BAR_WAIT = 5.0  # seconds after which the bar shows such an operation
_WAIT = 1.5  # times line_seconds, after which an operation without iterations gets a separate line


@dataclass(frozen=True)
class Shown(Standing):
    """What the bar or a line shows.

    Attributes:
        figures: The last iteration's.
    """

    figures: Mapping[Figure, float]


class Progress(Callback):
    """Show one bar for the whole run on a terminal, and a line every few seconds anywhere else.

    Args:
        refresh_seconds: The bar is redrawn at most this often. Only then are the figures fetched from the
            training device.
        line_seconds: Without a terminal, the longest time without a line.

    Attributes:
        contention: What was logged about a busy machine, if anything was.
    """

    def __init__(self, refresh_seconds: float = 0.5, line_seconds: float = LINE_SECONDS) -> None:
        self.refresh_seconds = refresh_seconds
        self.line_seconds = line_seconds
        self._bar: tqdm[Any] | None = None
        self._heartbeat: Heartbeat | None = None
        self._open = contextlib.ExitStack()
        self._pace = Pace()
        self._image_pace = Pace()
        self._images = 0  # since the start of this process
        self._next_refresh = 0.0
        self._standing: Shown | None = None
        self._last_iteration = ("", 0.0)  # name and time
        self._computing: ComputingTime | None = None
        self.contention: str | None = None

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Start the clock and, on a terminal, the bar."""
        self._images = 0
        self._pace = start_pace(trainer)
        self._image_pace = Pace()
        self._standing = None
        self._last_iteration = ("", time.monotonic())
        if not trainer.is_global_zero:
            return
        # With a GPU or several processes an iteration also waits for these.
        is_alone = trainer.world_size == 1 and pl_module.device.type == "cpu"
        self._computing = ComputingTime() if is_alone else None
        if has_bar():
            self._bar = self._open.enter_context(
                tqdm(total=1.0, bar_format="{desc}", dynamic_ncols=True, file=sys.stderr)
            )
            self._open.enter_context(logging_redirect_tqdm())  # messages appear above the bar
            self._bar.set_description_str(self._describe_wait())
        report = _print if self._bar is None else self._bar.set_description_str
        seconds = _WAIT * self.line_seconds if self._bar is None else _BAR_WAIT
        self._heartbeat = Heartbeat(self._describe_wait, report, seconds, START_SECONDS)
        self._open.callback(self._heartbeat.close)
        self._next_refresh = time.monotonic() + self._interval

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Note that an iteration begins."""
        if self._computing is not None:
            self._computing.begin()

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Move the bar or print a line, where due."""
        if self._computing is not None:
            self._computing.end()
        self._images += len(batch.images) * trainer.world_size
        iterations = int(trainer.num_training_batches)
        now = time.monotonic()
        self._pace.note(trainer.current_epoch * iterations + batch_idx + 1, now)
        self._image_pace.note(self._images, now)
        if not self._last_iteration[0]:
            self._touch()
        place = _place(trainer.current_epoch + 1, trainer.max_epochs, batch_idx + 1, iterations)
        self._last_iteration = (place, now)
        if not trainer.is_global_zero:
            return
        is_last = batch_idx + 1 == iterations
        if not is_last and now < self._next_refresh:
            return
        self._next_refresh = now + self._interval
        assert isinstance(pl_module, System)
        values = torch.stack([outputs[figure.name] for figure in pl_module.figures]).tolist()  # one sync
        figures = dict(zip(pl_module.figures, values, strict=True))
        self._standing = self._stand(trainer, batch_idx + 1, figures)
        if self._bar is not None:
            self._bar.set_description_str(bar_text(self._standing, _columns()))
            self._touch()
        elif not is_last:  # else the epoch's own line follows
            self._print_line(place)
        if self._computing and (line := self._computing.find_contention(torch.get_num_threads())):
            self._computing = None  # said once
            self.contention = line
            log.warning("%s", line)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Print a line where there is no bar."""
        if self._standing is not None and self._bar is None:
            self._print_line(f"epoch {self._standing.epoch}/{self._standing.epochs}")

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Close the bar."""
        self._open.close()
        self._bar = None

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Close the bar."""
        self._open.close()
        self._bar = None

    @property
    def _interval(self) -> float:
        return self.line_seconds if self._bar is None else self.refresh_seconds

    def _stand(self, trainer: pl.Trainer, iteration: int, figures: Mapping[Figure, float]) -> Shown:
        return Shown(
            **find_position(trainer, iteration, self._pace),
            rate=self._image_pace.rate,
            figures=figures,
        )

    def _print_line(self, position: str) -> None:
        standing = self._standing
        assert standing is not None
        figures = " ".join(_figures(standing.figures, short=False))
        _print(f"{position} | {standing.left}, {standing.rate:,.0f} images/s | {figures}")
        self._touch()

    def _touch(self) -> None:
        """Note that the progress is up to date."""
        if self._heartbeat is not None:
            self._heartbeat.touch()

    def _describe_wait(self) -> str:
        """Return the line for a long operation, during which no iteration ends."""
        name, ended = self._last_iteration
        waited = format_duration(time.monotonic() - ended)
        if not name:
            return f"waiting for the first iteration: {waited} since the start"
        return f"still working: {waited} since {name}"


def bar_text(standing: Shown, width: int) -> str:
    """Return one line for a terminal: what matters most first, and nothing cut in its middle.

    Args:
        standing: What to show.
        width: Columns of the terminal; one of them stays free.
    """
    head = f"epoch {standing.epoch}/{standing.epochs} {standing.share:4.0%}"
    cells = int(standing.share * _BAR_CELLS)
    drawn = f"[{'#' * cells}{'.' * (_BAR_CELLS - cells)}]"
    extras = [
        f"iteration {standing.iteration}/{standing.iterations}",
        f"{standing.rate:,.0f} images/s",
        drawn,
    ]
    for short in (False, True):
        text = _join(head, standing.left, " ".join(_figures(standing.figures, short)))
        if len(text) < width:
            for extra in extras:
                if len(_join(text, extra)) < width:
                    text = _join(text, extra)
            return text
    figures = _figures(standing.figures, short=True)
    lines = [
        *(_join(head, standing.left, " ".join(figures[:count])) for count in range(len(figures), 0, -1)),
        _join(head, standing.left),
        head,
        f"{standing.share:.0%}",
    ]
    return next((line for line in lines if len(line) < width), "")


def _figures(figures: Mapping[Figure, float], short: bool) -> list[str]:
    """Return each figure behind its name."""
    return [
        f"{figure.short if short else figure.name} {value:.{figure.digits}f}"
        for figure, value in figures.items()
    ]


def _place(epoch: int, epochs: int | None, iteration: int, iterations: int) -> str:
    return f"epoch {epoch}/{epochs}, iteration {iteration}/{iterations}"


def _join(*parts: str) -> str:
    return " | ".join(part for part in parts if part)


def _columns() -> int:
    """Return the width of the terminal that stderr is, or 80 if it is not known."""
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except (OSError, ValueError, AttributeError):
        return 80


def _print(line: str) -> None:
    print(line, flush=True)
