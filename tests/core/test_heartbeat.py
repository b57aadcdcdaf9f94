"""Progress of long work, with clocks of the test's own."""

import random
import sys
import time
from types import ModuleType, SimpleNamespace

import pytest

from dcgan_lightning.core import heartbeat
from dcgan_lightning.core.heartbeat import (
    Heartbeat,
    Pace,
    Work,
    show_progress,
    telling_of_imports,
    with_progress,
)


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)


def test_the_pace_is_that_of_the_last_minute() -> None:
    pace = Pace(done=1000, now=0.0)  # resumed: the first thousand cost this process nothing
    assert pace.seconds_left(2000) is None
    now = 0.0
    for done in range(1001, 1201):  # a busy machine: 3 s a step
        now += 3.0
        pace.note(done, now)
    assert pace.seconds_left(2200) == pytest.approx(3000)
    for done in range(1201, 1301):  # then ten times as fast
        now += 0.3
        pace.note(done, now)
    assert pace.seconds_left(2300) < 1000  # 300 s; the mean of all would say 2,100
    for done in range(1301, 1501):
        now += 0.3
        pace.note(done, now)
    assert pace.seconds_left(2500) == pytest.approx(300)


@pytest.mark.parametrize("seed", range(20))
def test_the_pace_forgets_whatever_came_before(seed: int) -> None:
    random_ = random.Random(seed)
    pace, now, done = Pace(random_.randrange(1000), 0.0), 0.0, 1000
    for _ in range(random_.randrange(1, 50)):
        now += random_.uniform(0.001, 100.0)
        done += random_.randrange(1, 10)
        pace.note(done, now)
    step = random_.uniform(0.01, 5.0)
    for _ in range(int(max(60 / step, 20)) + 2):
        now, done = now + step, done + 1
        pace.note(done, now)
    assert pace.rate == pytest.approx(1 / step)
    assert pace.seconds_left(done) == 0
    assert pace.seconds_left(done - 5) == 0


def test_a_silent_operation_gets_lines_and_a_talkative_one_none() -> None:
    lines: list[str] = []
    silent = Heartbeat(lambda: "working", lines.append, seconds=0.05)
    time.sleep(0.4)
    silent.close()
    assert 2 <= len(lines) <= 8
    before = len(lines)
    time.sleep(0.15)
    assert len(lines) == before  # closed
    talkative = Heartbeat(lambda: "working", lines.append, seconds=1.0)
    for _ in range(15):
        time.sleep(0.1)
        talkative.touch()
    talkative.close()
    assert len(lines) == before


def test_the_first_line_may_come_sooner() -> None:
    lines: list[str] = []
    with show_progress("loading", report=lines.append, seconds=60.0, first=0.05) as work:
        work.what = "reading"
        time.sleep(0.4)
    assert lines == ["reading: 0 s so far"]


def test_a_reader_that_went_away_ends_nothing() -> None:
    asked: list[int] = []

    def closed(line: str) -> None:
        asked.append(1)
        raise BrokenPipeError

    with show_progress("drawing", report=closed, seconds=0.02):
        time.sleep(0.2)
    assert len(asked) > 1


def test_lines_say_what_is_done_and_what_is_left() -> None:
    lines: list[str] = []
    with show_progress("searching", 51_200, report=lines.append, seconds=0.1) as work:
        work.note = "3 found"
        work.advance(12_800)
        time.sleep(0.15)
    assert lines[0].startswith("searching: 12,800 of 51,200 images, 3 found, ")
    assert lines[0].endswith(" left")
    with show_progress("drawing", report=lines.append, seconds=0.1):
        time.sleep(0.15)
    assert lines[-1] == "drawing: 0 s so far"
    assert Work("reading", 5, "files").describe() == "reading: 0 of 5 files"


def test_short_work_is_silent_and_passes_its_parts_on(caplog: pytest.LogCaptureFixture) -> None:
    assert list(with_progress([[1, 2], [3]], 3, "counting")) == [[1, 2], [3]]
    assert caplog.text == ""


def test_other_processes_are_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    lines: list[str] = []
    with show_progress("drawing", report=lines.append, seconds=0.02):
        time.sleep(0.1)
    assert lines == []


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_the_thread_ends_with_the_work(error: type[BaseException]) -> None:
    lines: list[str] = []
    with pytest.raises(error), show_progress("drawing", report=lines.append, seconds=0.02):
        raise error
    time.sleep(0.1)
    assert lines == []


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert heartbeat.has_bar()
    with show_progress("searching", 10) as work:
        work.note = "3 found"
        work.advance(10)
    assert "searching: " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("is_terminal", "is_loading", "lines"), [(True, True, 1), (False, True, 0), (True, False, 0)]
)
def test_a_slow_import_is_told_on_a_terminal(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    is_terminal: bool,
    is_loading: bool,
    lines: int,
) -> None:
    caplog.set_level("INFO")
    module = ModuleType("torch")
    module.__spec__ = SimpleNamespace(_initializing=is_loading)  # as the import system marks it
    monkeypatch.setitem(sys.modules, "torch", module)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: is_terminal)
    monkeypatch.setattr(heartbeat, "IMPORT_SECONDS", 0.01)
    patience = time.monotonic() + 30
    with telling_of_imports():
        while len(caplog.messages) < lines and time.monotonic() < patience:
            time.sleep(0.01)
        time.sleep(0.1)
    assert caplog.messages == ["loading PyTorch ..."] * lines
