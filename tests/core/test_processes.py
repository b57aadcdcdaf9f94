import os
import subprocess
import sys
import time

import pytest

from dcgan_lightning.core.processes import is_first_process, is_parallel_job, note_command

NAMES = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)


def test_a_process_that_is_alone_is_the_first() -> None:
    assert is_first_process()


@pytest.mark.parametrize("name", NAMES)
def test_any_other_number_is_another_process(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for other in NAMES:
        monkeypatch.setenv(other, "0")
    assert is_first_process()
    monkeypatch.setenv(name, "1")
    assert not is_first_process()


def test_a_process_ends_with_its_parent() -> None:
    child = (
        "import os, time; from dcgan_lightning.core.processes import end_with_parent; end_with_parent(0.05); "
        "print(os.getpid(), flush=True); time.sleep(60)"
    )
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        number = int(process.stdout.readline())
        os.kill(number, 0)  # it lives
        process.kill()
        process.wait()
        # The child holds the other end of the pipe: its end is the end of the output.
        started = time.monotonic()
        assert process.stdout.read() == ""
        assert time.monotonic() - started < 30


def test_only_processes_below_a_command_are_parallel_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCGAN_COMMAND_PROCESS", "")
    monkeypatch.delenv("DCGAN_COMMAND_PROCESS")
    assert not is_parallel_job()  # a script of the user's
    note_command()
    assert not is_parallel_job()
    code = "from dcgan_lightning.core.processes import is_parallel_job; print(is_parallel_job())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "True\n"


def test_a_job_stops_as_by_sigterm_when_its_sweep_is_gone() -> None:
    job = """
import signal, time
from dcgan_lightning.core.processes import ending_with_sweep

def stop(number, frame):
    print("saved", flush=True)
    raise SystemExit

signal.signal(signal.SIGTERM, stop)
for number in range(2):
    with ending_with_sweep(poll_seconds=0.05, grace_seconds=30):
        print("job", number, flush=True)
        try:
            time.sleep(60)
        except SystemExit:  # as joblib's worker, which would begin the next job
            pass
"""
    sweep = (
        "import subprocess, sys; from dcgan_lightning.core.processes import note_command; note_command(); "
        f"subprocess.run([sys.executable, '-c', {job!r}])"
    )
    with subprocess.Popen([sys.executable, "-c", sweep], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "job 0\n"
        process.kill()
        process.wait()
        started = time.monotonic()
        assert process.stdout.read() == "saved\n"
        assert time.monotonic() - started < 20
