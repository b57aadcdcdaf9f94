"""A busy machine is named with its figures, and nothing else is."""

import os

import pytest

from dcgan_lightning.core import contention
from dcgan_lightning.core.contention import ComputingTime


class Clocks:
    """Stand in for the clocks of a thread that gets a share of a core."""

    def __init__(self) -> None:
        self.now = 100.0
        self.computed = 0.0

    def advance(self, seconds: float, share: float) -> None:
        self.now += seconds
        self.computed += seconds * share

    def monotonic(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return self.computed


def judge(monkeypatch: pytest.MonkeyPatch, share: float, load: float, steps: int = 30, threads: int = 1):
    clocks = Clocks()
    monkeypatch.setattr(contention, "time", clocks)
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    computing = ComputingTime()
    for _ in range(steps):
        computing.begin()
        clocks.advance(1.0, share)
        computing.end()
        clocks.advance(5.0, 0.0)  # not computing
    return computing.find_contention(threads)


def test_a_busy_machine_is_named_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    assert judge(monkeypatch, 0.4, 7.94) == (
        "slow because the machine is busy: this training gets 40% of a core's time while it computes; "
        "7.9 programs want to run on 2 cores (load average); end other programs or start them with nice"
    )
    line = judge(monkeypatch, 0.4, 7.94, threads=2)
    assert line is not None
    assert "use threads=1, which waits less for a core than 2 threads, or end other programs" in line


@pytest.mark.parametrize(
    ("share", "load", "steps"),
    [
        (0.98, 9.0, 30),  # others run, but not at its expense
        (0.4, 1.0, 30),  # it waits for something else than a core
        (0.4, 9.0, 15),  # too soon to tell
    ],
)
def test_no_other_reason_is_taken_for_it(
    monkeypatch: pytest.MonkeyPatch, share: float, load: float, steps: int
) -> None:
    assert judge(monkeypatch, share, load, steps) is None


def test_each_judgement_is_about_new_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    clocks = Clocks()
    monkeypatch.setattr(contention, "time", clocks)
    monkeypatch.setattr(os, "getloadavg", lambda: (99.0, 0.0, 0.0))
    computing = ComputingTime()
    for share in (0.3, 1.0, 0.3):
        computing.begin()
        clocks.advance(contention.LEAST_SECONDS, share)
        computing.end()
        assert (computing.find_contention(1) is not None) is (share < 0.5)


def test_an_unknown_load_is_no_contention(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> tuple[float, float, float]:
        raise OSError

    monkeypatch.setattr(os, "getloadavg", unknown)
    assert contention._load() == 0.0
