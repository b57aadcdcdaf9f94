"""Which signals end a command, how they end it, and the exit codes.

Exit codes: 0 for success, 1 for an error, and 128 + the number of the signal that ended the command: 129
(SIGHUP), 130 (Ctrl-C), 143 (SIGTERM).
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from types import FrameType
from typing import NoReturn

Handler = Callable[[int, FrameType | None], None]

# By their usual names; Windows has no SIGHUP.
_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}
if sys.platform != "win32":
    _NAMES[signal.SIGHUP] = "SIGHUP"


def ending_signals() -> list[signal.Signals]:
    """Return the signals besides Ctrl-C that end a command.

    Clusters send SIGTERM, and a closed terminal SIGHUP; nohup starts a command that ignores the latter.
    """
    if sys.platform == "win32" or signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        return [signal.SIGTERM]
    return [signal.SIGTERM, signal.SIGHUP]


def stopping_signals() -> list[signal.Signals]:
    """Return Ctrl-C and the `ending_signals`."""
    return [signal.SIGINT, *ending_signals()]


def exit_code(number: int) -> int:
    """Return the exit code of a command that a signal has ended."""
    return 128 + number


def ended_by(number: int) -> BaseException:
    """Return the exception by which a signal ends a command: Ctrl-C is Python's own, others an exit code."""
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(exit_code(number))


def signal_of(error: BaseException | None) -> signal.Signals | None:
    """Return the signal that ended a command, from the exception that it ended with, or None."""
    if isinstance(error, KeyboardInterrupt):
        return signal.SIGINT
    code = error.code if isinstance(error, SystemExit) else None
    return next((number for number in _NAMES if code == exit_code(number)), None)


def signal_name(number: int) -> str:
    """Return "Ctrl-C", "SIGTERM" or "SIGHUP"."""
    return _NAMES[signal.Signals(number)]


def end(number: int, frame: FrameType | None) -> NoReturn:
    """Handler that ends the command at once."""
    raise ended_by(number)


def end_outside_imports(number: int, frame: FrameType | None) -> None:
    """Handler that ends the command, but never within an import: PyTorch's C++ parts would abort."""
    while frame is not None:
        if frame.f_code.co_filename.startswith("<frozen importlib"):
            threading.Timer(0.5, os.kill, (os.getpid(), number)).start()
            return
        frame = frame.f_back
    raise ended_by(number)


def in_main_thread() -> bool:
    """Return whether this is the main thread, the only one that may set handlers."""
    return threading.current_thread() is threading.main_thread()


def handle(numbers: Iterable[int], handler: Handler | signal.Handlers) -> None:
    """Set one handler for several signals."""
    for number in numbers:
        signal.signal(number, handler)


@contextlib.contextmanager
def handling(numbers: Iterable[int], handler: Handler) -> Iterator[None]:
    """Set one handler for several signals while the block runs."""
    previous = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, before in previous.items():
            signal.signal(number, before)


def end_on_signals() -> None:
    """Let SIGTERM and SIGHUP end this process as Ctrl-C does: nothing half-made is left."""
    handle(ending_signals(), end)


def stop_ending() -> None:
    """Undo `end_on_signals` when all is done: a signal then ends the process without a word."""
    handle((number for number in ending_signals() if signal.getsignal(number) is end), signal.SIG_DFL)


def ignore_signals() -> None:
    """Ignore Ctrl-C, SIGTERM and SIGHUP: a terminal and SLURM send them to all processes of a command."""
    handle(stopping_signals(), signal.SIG_IGN)


def block_signals() -> None:
    """Keep Ctrl-C, SIGTERM and SIGHUP from the processes that this thread starts.

    They still reach this process, by another thread.
    """
    threading.Thread(target=threading.Event().wait, name="takes-signals", daemon=True).start()
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping_signals())
