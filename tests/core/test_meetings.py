"""Real processes that wait for each other."""

import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from torch.distributed import TCPStore

from dcgan_lightning.core import meetings, ports
from dcgan_lightning.core.errors import ProcessError

Work = Callable[[meetings.Team], object]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])


def work(rank: int, works: tuple[Work, ...], port: int, patience: float, answers: Any, end: Any) -> None:
    """Be one of the processes."""
    meetings.PATIENCE = timedelta(seconds=patience)
    meetings._SIGN_SECONDS, meetings._REASON_SECONDS = 0.2, 2.0
    store = TCPStore("127.0.0.1", port, len(works), rank == 0, wait_for_workers=False)
    team = meetings.Team(store, rank, len(works))
    started = time.monotonic()
    try:
        answer = ("result", works[rank](team))
    except Exception as error:
        answer = (type(error).__name__, str(error))
    answers.put((rank, (*answer, time.monotonic() - started)))
    end.wait(60)  # the first one holds the store
    team.close()


def run(*works: Work, patience: float = 30.0) -> list[tuple[str, Any, float]]:
    """Run one function in each process; return how each ended: kind, result or message, seconds."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["dcgan_lightning.core.meetings"])  # PyTorch takes seconds to import
    answers, end, port = context.Queue(), context.Event(), free_port()
    processes = [
        context.Process(target=work, args=(rank, works, port, patience, answers, end))
        for rank in range(len(works))
    ]
    for process in processes:
        process.start()
    try:
        ended = dict(answers.get(timeout=60) for _ in works)
        end.set()
        for process in processes:
            process.join(20)
        assert [process.exitcode for process in processes] == [0] * len(works)
    finally:
        for process in processes:
            process.kill()
    return [ended[rank] for rank in range(len(works))]


def save(team: meetings.Team) -> bool:
    return team.meet("save")


def save_late(team: meetings.Team) -> bool:
    time.sleep(3)
    return team.meet("save")


def iterate(team: meetings.Team) -> bool:
    return team.meet("iteration")


def fail(team: meetings.Team) -> None:
    team.announce_failure()


def fail_with_a_reason(team: meetings.Team) -> bool:
    team.announce_failure()
    time.sleep(1)  # Lightning's end of the training lies between
    return team.hand_over("key=x: wrong; give another")


def follow_a_failure(team: meetings.Team) -> bool:
    """Fail because another process has."""
    with pytest.raises(ProcessError) as caught:
        team.meet("save")
    assert caught.value.is_shared, "process 0 says it as well"
    team.announce_failure()
    return True


def fall_silent(team: meetings.Team) -> None:
    team.close()


def stop(team: meetings.Team) -> None:
    """Be stopped, as by Ctrl-Z, for some seconds."""
    command = f"import os, time; time.sleep(6); os.kill({os.getpid()}, {int(signal.SIGCONT)})"
    subprocess.Popen([sys.executable, "-c", command])
    os.kill(os.getpid(), signal.SIGSTOP)


def vote(team: meetings.Team) -> list[bool]:
    rounds = range(3 * (team.size + 1))
    return [team.meet(f"iteration {n}", vote=n % (team.size + 1) == team.rank) for n in rounds]


def part(team: meetings.Team) -> float:
    """Return when this process left; all but the first one are slow to look."""
    if team.rank:
        time.sleep(0.5)
        real = time.sleep
        time.sleep = lambda seconds: real(0.3)
    team.part()
    return time.monotonic()


def save_with_a_signal(team: meetings.Team) -> float:
    """Return how long a signal was not obeyed while waiting."""
    caught: list[float] = []
    signal.signal(signal.SIGTERM, lambda *_: caught.append(time.monotonic()))
    sent = time.monotonic() + 0.5
    threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGTERM)).start()
    team.meet("save")
    return caught[0] - sent


@pytest.mark.parametrize("size", [2, 4])
def test_any_vote_counts(size: int) -> None:
    expected = [n % (size + 1) < size for n in range(3 * (size + 1))]
    assert [(kind, votes) for kind, votes, _ in run(*[vote] * size)] == [("result", expected)] * size


def test_long_work_of_one_process_is_waited_for() -> None:
    """Longer than the patience with a process that gives no sign of life."""
    first, second = run(save_late, save, patience=1.0)
    assert first[:2] == second[:2] == ("result", False)
    assert second[2] > 2.0


def test_processes_at_different_points_end() -> None:
    for kind, message, seconds in run(save, iterate):
        assert kind == "ProcessError"
        assert "(process 0 at 'save', process 1 at 'iteration')" in message
        assert seconds < 10


@pytest.mark.parametrize("size", [2, 4])
def test_the_process_with_the_store_leaves_last(size: int) -> None:
    ended = run(*[part] * size)
    assert [kind for kind, _, _ in ended] == ["result"] * size, ended
    first, *others = (left for _, left, _ in ended)
    assert first >= max(others) - 0.1  # the others note when they have left, and a moment later that they did


def test_a_process_that_fails_is_not_waited_for() -> None:
    first, _ = run(save, fail)
    assert first[:2] == ("ProcessError", "process 1 of this job has failed; go on with ckpt_path=auto")
    assert first[2] < 10


def test_process_0_says_why_another_one_has_failed() -> None:
    reason = "process 2 of this job has failed: key=x: wrong; give another"
    first, *others = run(save, follow_a_failure, fail_with_a_reason)
    assert first[:2] == ("ProcessError", reason)
    assert [other[:2] for other in others] == [("result", True)] * 2


@pytest.mark.parametrize("end", [fall_silent, stop])
def test_a_process_without_a_sign_of_life_is_not_waited_for(end: Work) -> None:
    first, _ = run(save, end, patience=2.0)
    assert first[0] == "ProcessError"
    assert "process 1 of this job has given no sign of life for" in first[1]
    assert first[2] < 10


def test_signals_are_obeyed_while_waiting() -> None:
    _, (kind, delay, seconds) = run(save_late, save_with_a_signal)
    assert kind == "result"
    assert delay < 1.5 < seconds


def test_without_other_processes_there_is_no_waiting() -> None:
    assert meetings.meet("iteration") is False
    assert meetings.meet("iteration", vote=True) is True
    meetings.check_alive()
    meetings.announce_failure()


@pytest.fixture
def taken() -> Iterator[int]:
    """A port where another program listens, and says nothing."""
    with socket.create_server(("", 0)) as server:
        yield int(server.getsockname()[1])


def test_a_taken_port_is_named(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_PORT", str(taken))
    message = f"^MASTER_PORT={taken} cannot be used, perhaps because another program has taken it"
    with pytest.raises(ProcessError, match=message):
        ports.check_environment()
    with pytest.raises(ProcessError, match=message):
        meetings.connect("127.0.0.1", taken, rank=0, size=2)
    monkeypatch.setenv("LOCAL_RANK", "1")  # process 0 uses it
    ports.check_environment()


@pytest.mark.parametrize("port", ["", "abc", "0", "65536", "-1", "1.5", "٣"])
def test_no_port_at_all(port: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_PORT", port)
    with pytest.raises(ProcessError, match="MASTER_PORT must be a whole number from 1 to 65535"):
        ports.check_environment()


def test_another_process_ends_soon_at_a_taken_port(taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meetings, "PATIENCE", timedelta(seconds=2))
    started = time.monotonic()
    with pytest.raises(ProcessError, match=f"MASTER_PORT={taken}: 127.0.0.1 answers, but not as process 0"):
        meetings.connect("127.0.0.1", taken, rank=1, size=2)
    assert time.monotonic() - started < 30
