"""Sweeps whose jobs run at once, with real processes: same results, failures named, nothing left behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from reliability_processes import WarmProcess, environment
from torch import Tensor

from dcgan_lightning.runs.checkpoints import progress
from dcgan_lightning.runs.jobs import read_records

SMALL = (
    "experiment=smoke", "trainer.max_epochs=1", "logger=none", "callbacks.film=null",
    "callbacks.sample_grid=null", "callbacks.history=null",
)  # fmt: skip
# The third job cannot run.
SWEEP = ("-m", *SMALL, "seed=0,1,-1", "run_name=sweep")


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "dcgan_lightning.train", *arguments]


def sweep(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    variables = {key: value for key, value in os.environ.items() if key != "OMP_NUM_THREADS"}
    return subprocess.run(
        command(*SWEEP, *overrides), cwd=folder, env=variables, capture_output=True, text=True, timeout=300
    )


def weights(folder: Path, job: int) -> dict[str, Tensor]:
    path = folder / "outputs" / "sweep" / str(job) / "checkpoints" / "last.ckpt"
    return torch.load(path, weights_only=True)["state_dict"]


@pytest.fixture(scope="module")
def serial(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("serial")
    assert WarmProcess(command(*SWEEP)[1:], folder, environment()).finish().returncode == 1
    return folder


@pytest.mark.parametrize(
    "overrides",
    [
        # joblib divides the cores: as many jobs as cores have one each.
        ("hydra/launcher=parallel", "hydra.launcher.n_jobs=-1"),
        ("hydra/launcher=processes", "hydra.launcher.cpus_per_task=1"),
    ],
    ids=["parallel", "processes"],
)
def test_jobs_at_once_give_the_bits_of_jobs_in_turn(
    serial: Path, tmp_path: Path, overrides: tuple[str, ...]
) -> None:
    if (os.cpu_count() or 1) < 2:  # joblib would run the jobs in the sweep's own process
        overrides = overrides[:1]
    result = sweep(tmp_path, *overrides)
    assert result.returncode == 1
    assert "error: 1 of 3 jobs failed\njob 2 (" in result.stderr
    assert result.stderr.endswith("seed=-1): seed must be a whole number from 0 to 4294967295; got -1\n")
    for job in (0, 1):
        expected, found = weights(serial, job), weights(tmp_path, job)
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected), job
    assert not torch.equal(*(weights(tmp_path, job)["generator.layers.dense.weight"] for job in (0, 1)))
    assert not (tmp_path / "outputs" / "sweep" / "2").exists()


def test_two_machines_of_slurm_train_as_one(tmp_path: Path) -> None:
    """Two processes with the variables that srun sets on two machines; SLURM itself is not there."""
    arguments = (*SMALL, "trainer=ddp_cpu", "trainer.devices=1", "+trainer.num_nodes=2", "run_name=run")
    job = {
        "SLURM_JOB_ID": str(os.getpid()), "SLURM_JOB_NAME": "dcgan", "SLURM_NTASKS": "2", "SLURM_NNODES": "2",
        "SLURM_NTASKS_PER_NODE": "1", "SLURM_NODELIST": "127.0.0.1", "SLURM_LOCALID": "0",
    }  # fmt: skip
    machines = [
        WarmProcess(
            command(*arguments)[1:], tmp_path,
            environment() | job | {"SLURM_PROCID": str(n), "SLURM_NODEID": str(n)},
        )
        for n in range(2)
    ]  # fmt: skip
    first, second = (machine.finish(timeout=200) for machine in machines)
    assert (first.returncode, second.returncode) == (0, 0), first.errors + second.errors
    assert "in 2 processes" in first.output
    what = "iteration: 32 images, 16 in each of 2 processes; epoch: 5 iterations; learning rates: "
    assert what in first.output
    assert second.output == ""
    checkpoint = torch.load(tmp_path / "outputs/run/checkpoints/last.ckpt", weights_only=True)
    assert checkpoint["fingerprint"]["processes"] == 2
    assert checkpoint["epoch"] == 0


def processes_of(session: int) -> list[int]:
    """Return the living processes of a session."""
    found = []
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, number = status.read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it has just ended
            continue
        if int(number) == session and state != "Z":
            found.append(int(status.parent.name))
    return found


def iterations_in(run: Path) -> tuple[int, int]:
    """Return how many iterations a run's last checkpoint and its table hold; an epoch has five."""
    epochs, iterations = progress(torch.load(run / "checkpoints" / "last.ckpt", weights_only=True))
    last = (run / "history" / "history.csv").read_text().splitlines()[-1].split(",")
    return 5 * epochs + iterations, 5 * (int(last[0]) - 1) + int(last[1])


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize(
    ("number", "reaches_all", "seeds", "workers"),
    [
        (signal.SIGINT, True, "0,1,2", 2),  # as a terminal does
        (signal.SIGINT, True, "0,1", 3),  # one worker is idle
        (signal.SIGTERM, False, "0,1,2", 2),  # as kill does
        (signal.SIGTERM, True, "0,1", 3),
    ],
    ids=["int", "int-idle", "term", "term-idle"],
)
def test_a_signal_ends_all_jobs(
    tmp_path: Path, number: signal.Signals, reaches_all: bool, seeds: str, workers: int
) -> None:
    code, line = (130, "stopped by Ctrl-C\n") if number == signal.SIGINT else (143, "")
    small = [override for override in SMALL if override != "callbacks.history=null"]
    arguments = (
        "-m", *small, "callbacks.history.plot_every_n_epochs=0", "trainer.max_epochs=100000", f"seed={seeds}",
        "run_name=sweep", "hydra/launcher=parallel", f"hydra.launcher.n_jobs={workers}",
    )  # fmt: skip
    process = WarmProcess(command(*arguments)[1:], tmp_path, environment())
    folder = tmp_path / "outputs" / "sweep"
    deadline = time.monotonic() + 120
    try:
        while not all((folder / job / "checkpoints" / "last.ckpt").exists() for job in "01"):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        (os.killpg if reaches_all else os.kill)(process.pid, number)
        ended = process.finish(timeout=120)
        assert ended.returncode == code
        assert ended.errors.endswith(line)
        while processes_of(process.pid):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert not (folder / "2").exists()
        assert [record.status for record in read_records(folder)] == ["stopped", "stopped"]
        for job in "01":
            saved, done = iterations_in(folder / job)
            assert saved == done
    finally:
        for left in {process.pid, *processes_of(process.pid)}:
            try:
                os.kill(left, signal.SIGKILL)
            except ProcessLookupError:
                continue
