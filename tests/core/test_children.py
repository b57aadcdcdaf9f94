import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from torch.distributed import HashStore

from dcgan_lightning.core.children import Children
from dcgan_lightning.core.errors import ProcessError
from dcgan_lightning.core.meetings import Team

ROOT = Path(__file__).resolve().parents[2]
GUARDED = """
import signal, subprocess, sys, time
from dcgan_lightning.core.children import Children

codes = ("import time; time.sleep(20)", {code!r})
processes = [subprocess.Popen([sys.executable, "-S", "-c", code], stdout=-3, stderr=-3) for code in codes]
print(processes[0].pid, flush=True)
Children(processes).guard(grace_seconds=0.3, poll_seconds=0.05)
time.sleep({seconds})
"""


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def started(code: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-S", "-c", code])


@pytest.fixture
def sleeping() -> subprocess.Popen[bytes]:
    return started("import time; time.sleep(60)")


def test_lightnings_observer_sees_none(sleeping: subprocess.Popen[bytes]) -> None:
    processes = [sleeping]
    children = Children(processes)
    assert processes == []
    assert children.failed() == []
    assert children.describe(1) == children.describe(7) == ""
    children.kill()
    assert sleeping.wait(10) == -signal.SIGKILL


@pytest.mark.parametrize(
    ("code", "how"),
    [
        ("import sys; sys.exit(3)", "has ended with exit code 3"),
        *(
            (f"import os; os.kill(os.getpid(), {number})", f"was ended by {name}")
            for number, name in ((9, "SIGKILL"), (15, "SIGTERM"), (2, "SIGINT"), (50, "signal 50"))
        ),
    ],
)
def test_how_one_has_ended(code: str, how: str) -> None:
    code = "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL); " + code
    good, failed = started(""), started(code)
    for process in (good, failed):
        process.wait(10)
    children = Children([good, failed], first=4)
    assert children.failed() == [5]
    assert children.describe(5) == how


def test_one_that_ends_before_it_has_come_ends_the_job(sleeping: subprocess.Popen[bytes]) -> None:
    sleeping.kill()
    store, start = HashStore(), time.monotonic()
    store.set_timeout(timedelta(seconds=1))
    with pytest.raises(ProcessError) as caught:
        Team(store, 0, 2, Children([sleeping]))
    assert str(caught.value) == "process 1 of this job was ended by SIGKILL; go on with ckpt_path=auto"
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("code", "seconds", "exit_code"), [("import sys; sys.exit(3)", 60, 1), ("", 1, 0)], ids=["failed", "good"]
)
def test_a_process_that_waits_for_a_dead_one_is_ended(code: str, seconds: int, exit_code: int) -> None:
    script = GUARDED.format(code=code, seconds=seconds)
    ended = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == exit_code
    line = "error: process 2 of this job has ended with exit code 3; go on with ckpt_path=auto\n"
    assert ended.stderr == line * exit_code
    if exit_code:
        deadline = time.monotonic() + 10
        while is_alive(int(ended.stdout)) and time.monotonic() < deadline:
            time.sleep(0.02)
    assert is_alive(int(ended.stdout)) != bool(exit_code)
