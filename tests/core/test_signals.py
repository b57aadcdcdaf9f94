import signal
import subprocess
import sys
import threading

import pytest

from dcgan_lightning.core import signals

NUMBERS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize(
    ("number", "code", "name"),
    [(signal.SIGHUP, 129, "SIGHUP"), (signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")],
)
def test_a_signal_is_known_by_the_exception_it_ends_with(number: int, code: int, name: str) -> None:
    assert signals.exit_code(number) == code
    assert signals.signal_of(signals.ended_by(number)) == number
    assert signals.signal_name(number) == name


@pytest.mark.parametrize("error", [None, ValueError(), SystemExit(1), SystemExit("x"), SystemExit(137)])
def test_other_ends_are_no_signals(error: BaseException | None) -> None:
    assert signals.signal_of(error) is None


def test_handlers_are_restored() -> None:
    before = {number: signal.getsignal(number) for number in NUMBERS}
    seen = []
    with signals.handling(NUMBERS, lambda number, frame: seen.append(number)):
        for number in NUMBERS:
            signal.raise_signal(number)
    assert seen == NUMBERS
    assert {number: signal.getsignal(number) for number in NUMBERS} == before


def test_only_the_main_thread_may_set_handlers() -> None:
    found = [signals.in_main_thread()]
    thread = threading.Thread(target=lambda: found.append(signals.in_main_thread()))
    thread.start()
    thread.join()
    assert found == [True, False]


def code_after(number: int, before: str) -> int:
    """Return the exit code of a process that gets a signal after some statements."""
    start = f"import os, signal; from dcgan_lightning.core import signals; {before}"
    code = f"{start}; os.kill(os.getpid(), {number})"
    return subprocess.run([sys.executable, "-c", code], timeout=30).returncode


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_ending_signals_set_the_exit_code(number: int) -> None:
    assert code_after(number, "signals.end_on_signals()") == 128 + number
    assert code_after(number, "signals.ignore_signals()") == 0
    handle = "signals.handle(signals.stopping_signals(), signals.end_outside_imports)"
    assert code_after(number, handle) == 128 + number


def test_after_the_work_a_signal_ends_the_process_without_a_word() -> None:
    code = code_after(signal.SIGTERM, "signals.end_on_signals(); signals.stop_ending()")
    assert code == -signal.SIGTERM
    ignored = "signal.signal(signal.SIGTERM, signal.SIG_IGN); signals.stop_ending()"
    assert code_after(signal.SIGTERM, ignored) == 0  # another handler stays


def test_nohup_stays_deaf_to_hangups() -> None:
    before = "signal.signal(signal.SIGHUP, signal.SIG_IGN); signals.end_on_signals()"
    assert code_after(signal.SIGHUP, before) == 0


def test_a_signal_within_an_import_ends_the_process_after_it(tmp_path) -> None:
    (tmp_path / "slow.py").write_text("import os\nos.kill(os.getpid(), 15)\nprint('whole', flush=True)\n")
    code = (
        "import signal, time; from dcgan_lightning.core import signals; "
        "signals.handle([signal.SIGTERM], signals.end_outside_imports); import slow; time.sleep(30)"
    )
    result = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"],
        capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert (result.returncode, result.stdout) == (143, "whole\n")
