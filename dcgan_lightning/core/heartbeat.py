"""Progress of long work: a bar on a terminal, and a line every few seconds anywhere else."""

import contextlib
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any, TypeVar

from dcgan_lightning.core.durations import format_duration
from dcgan_lightning.core.processes import is_first_process, is_parallel_job

log = logging.getLogger(__name__)

LINE_SECONDS = 20.0  # without a terminal there is a line at least this often
IMPORT_SECONDS = 1.0  # after which a terminal is told of a slow import
_SLOW_IMPORTS = ("torch", "pytorch_lightning")
START_SECONDS = 8.0  # after which a command that has not begun says what it waits for
WINDOW_SECONDS = 60.0  # the pace is measured over this time
_WINDOW_STEPS = 20  # and over this many steps at least

Part = TypeVar("Part", bound=Sized)


def has_bar() -> bool:
    """Return whether progress is shown as a bar: on a terminal used by this process only."""
    return sys.stderr.isatty() and is_first_process() and not is_parallel_job()


class Pace:
    """Speed over the last minute of work.

    An average since the start would stay wrong for long after a slow start, a busy phase or a resumption.

    Args:
        done: Where the work starts.
        now: Time of the start, from ``time.monotonic``.
    """

    def __init__(self, done: float = 0, now: float | None = None) -> None:
        self._samples = deque([(time.monotonic() if now is None else now, done)])

    def note(self, done: float, now: float | None = None) -> None:
        """Record the number of finished steps."""
        now = time.monotonic() if now is None else now
        self._samples.append((now, done))
        while len(self._samples) > _WINDOW_STEPS + 1 and self._samples[1][0] <= now - WINDOW_SECONDS:
            self._samples.popleft()

    @property
    def rate(self) -> float:
        """Steps a second; 0 before the first one."""
        (start, first), (end, last) = self._samples[0], self._samples[-1]
        return (last - first) / (end - start) if end > start else 0.0

    def seconds_left(self, total: float) -> float | None:
        """Return how long the rest takes at this pace, or None before the first step."""
        left = total - self._samples[-1][1]
        return max(left, 0.0) / self.rate if self.rate > 0 else None


class Heartbeat:
    """A thread that reports on work after a while without reports, also within a long operation.

    Args:
        describe: Returns the line.
        report: Takes it.
        seconds: Longest time without a line.
        first: Time until the first line, if that is another one.
    """

    def __init__(
        self,
        describe: Callable[[], str],
        report: Callable[[str], None],
        seconds: float,
        first: float | None = None,
    ) -> None:
        self._describe = describe
        self._report = report
        self._seconds = seconds
        self._first = seconds if first is None else min(first, seconds)
        self._last = time.monotonic() - (seconds - self._first)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)
        self._thread.start()

    def touch(self) -> None:
        """Note that a line was printed just now."""
        self._last = time.monotonic()

    def close(self) -> None:
        """End the thread."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        wait = self._first
        while not self._ended.wait(min(wait, threading.TIMEOUT_MAX)):
            silent = time.monotonic() - self._last
            if silent >= self._seconds:
                with contextlib.suppress(OSError):  # nobody reads any more
                    self._report(self._describe())
                self.touch()
                silent = 0.0
            wait = self._seconds - silent


class Work:
    """Long work as `show_progress` yields it.

    Args:
        what: It, at the start of a sentence.
        total: Steps in all, if that is known.
        unit: Name of the steps.
        bar: On a terminal.

    Attributes:
        note: What else there is to say, such as "3 found".
    """

    def __init__(self, what: str, total: int | None, unit: str, bar: Any = None) -> None:
        self.what = what
        self.total = total
        self.unit = unit
        self.note = ""
        self._bar = bar
        self._done = 0
        self._started = time.monotonic()
        self._pace = Pace()

    def advance(self, steps: int = 1) -> None:
        """Note that some steps are done."""
        self._done += steps
        self._pace.note(self._done)
        if self._bar is not None:
            self._bar.set_postfix_str(self.note, refresh=False)
            self._bar.update(steps)

    def set_note(self, note: str) -> None:
        """Set `note`, for callers that report their stages to a function."""
        self.note = note

    def describe(self) -> str:
        """Return the progress in one line."""
        if self.total is None:
            text = f"{self.what}: {format_duration(time.monotonic() - self._started)} so far"
        else:
            text = f"{self.what}: {self._done:,} of {self.total:,} {self.unit}"
        if self.note:
            text += f", {self.note}"
        left = None if self.total is None else self._pace.seconds_left(self.total)
        return text if left is None else f"{text}, {format_duration(left)} left"


@contextlib.contextmanager
def show_progress(
    what: str,
    total: int | None = None,
    unit: str = "images",
    report: Callable[[str], None] | None = None,
    seconds: float | None = None,
    first: float | None = None,
) -> Iterator[Work]:
    """Show the progress of the block: a bar where there is a terminal, else a line every few seconds.

    Work without a known number of steps has no bar, and lines on a terminal too.

    Args:
        what: The work, at the start of a sentence.
        total: Steps in all, if that is known.
        unit: Name of the steps.
        report: Takes the lines; the log if not given.
        seconds: Longest time without a line; `LINE_SECONDS` if not given.
        first: Time until the first line, if that is another one.
    """
    with contextlib.ExitStack() as stack:
        bar = None
        if total is not None and has_bar():
            from tqdm import tqdm
            from tqdm.contrib.logging import logging_redirect_tqdm

            bar = stack.enter_context(
                tqdm(total=total, desc=what, unit=f" {unit}", dynamic_ncols=True, leave=False)
            )
            stack.enter_context(logging_redirect_tqdm())  # messages appear above the bar
        work = Work(what, total, unit, bar)
        if bar is None and is_first_process():
            heartbeat = Heartbeat(work.describe, report or log.info, seconds or LINE_SECONDS, first)
            stack.callback(heartbeat.close)
        yield work


@contextlib.contextmanager
def telling_of_imports() -> Iterator[None]:
    """Say once, on a terminal, that the block is loading PyTorch, if that takes longer than a moment."""
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(IMPORT_SECONDS):
            if any(_is_loading(name) for name in _SLOW_IMPORTS):
                log.info("loading PyTorch ...")
                return

    if sys.stderr.isatty() and is_first_process():
        threading.Thread(target=watch, name="imports", daemon=True).start()
    try:
        yield
    finally:
        ended.set()


def _is_loading(name: str) -> bool:
    """Return whether a module is being imported."""
    return bool(getattr(getattr(sys.modules.get(name), "__spec__", None), "_initializing", False))


def with_progress(parts: Iterable[Part], total: int, what: str, unit: str = "images") -> Iterator[Part]:
    """Yield parts of long work and show its progress (see `show_progress`)."""
    with show_progress(what, total, unit) as work:
        for part in parts:
            yield part
            work.advance(len(part))


def log_pace(blocks: Iterable[Part]) -> Iterator[Part]:
    """Pass blocks of images on, and log how fast they were made, without the first one and without their use.

    The first one is slower, so for a single block nothing is logged.
    """
    seconds, count = 0.0, 0
    started = time.perf_counter()
    for number, block in enumerate(blocks):
        if number:
            seconds += time.perf_counter() - started
            count += len(block)
        yield block
        started = time.perf_counter()
    if count:
        log.info("the generator made %s images/s", f"{count / max(seconds, 1e-9):,.0f}")
