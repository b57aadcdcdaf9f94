import os
import subprocess
import sys
import time

import pytest

from dcgan_lightning.processes import is_first_process

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
        "import os, time; from dcgan_lightning.processes import end_with_parent; end_with_parent(0.05); "
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
