"""Real processes, stopped and killed for real."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

RUN = ["experiment=smoke", "run_name=run", "trainer.max_epochs=60", "callbacks.history.plot_every_n_epochs=0"]


def start(folder: Path, *overrides: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dcgan_lightning.train", *RUN, *overrides],
        cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 120
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["term", "int"]
)
def test_a_signal_saves_and_says_how_to_go_on(tmp_path: Path, number: signal.Signals, code: int) -> None:
    with start(tmp_path) as process:
        wait_for(tmp_path / "outputs/run/samples/sample_epoch_0003_iter_001.png", process)
        process.send_signal(number)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == code, errors
    assert "Traceback" not in errors
    assert "run_name=run ckpt_path=last trainer.max_epochs=60" in output
    assert (tmp_path / "outputs/run/checkpoints/last.ckpt").exists()
    assert (tmp_path / "outputs/run/fashion_mnist_dcgan.gif").exists()


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    long = "trainer.max_epochs=5000"
    with start(tmp_path, long) as owner:
        wait_for(tmp_path / "outputs/run/checkpoints/last.ckpt", owner)
        with start(tmp_path, long, "ckpt_path=last") as second:
            _, errors = second.communicate(timeout=60)
        assert second.returncode == 1
        assert f"is in use by process {owner.pid}" in errors
        owner.kill()


def test_killed_at_random_moments(tmp_path: Path) -> None:
    (tmp_path / "unbroken").mkdir()
    (tmp_path / "killed").mkdir()
    with start(tmp_path / "unbroken", "trainer.max_epochs=12") as process:
        assert process.wait(timeout=120) == 0
    moments = random.Random(0)
    overrides = ["trainer.max_epochs=12", "callbacks.checkpoint.every_n_iterations=2"]
    last = tmp_path / "killed/outputs/run/checkpoints/last.ckpt"
    for kill in range(3):
        with start(tmp_path / "killed", *overrides, *(["ckpt_path=last"] if kill else [])) as process:
            wait_for(last, process)
            if kill:  # past the imports, into the training
                stamp = last.stat().st_mtime_ns
                while process.poll() is None and last.stat().st_mtime_ns == stamp:
                    time.sleep(0.01)
            time.sleep(moments.uniform(0, 0.3))
            process.kill()
    with start(tmp_path / "killed", *overrides, "ckpt_path=last") as process:
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    runs = [tmp_path / name / "outputs/run" for name in ("unbroken", "killed")]
    first, second = (torch.load(run / "checkpoints/last.ckpt", weights_only=True) for run in runs)
    for name, value in first["state_dict"].items():
        assert torch.equal(second["state_dict"][name], value), name
    tables = [np.loadtxt(run / "history/history.csv", delimiter=",", skiprows=1) for run in runs]
    np.testing.assert_array_equal(*(np.delete(table, 2, axis=1) for table in tables))
    assert len({(run / "fashion_mnist_dcgan.gif").read_bytes() for run in runs}) == 1
    assert not list(runs[1].rglob(".tmp-*"))
