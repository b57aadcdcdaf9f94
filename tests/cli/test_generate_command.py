"""Generate as a user types it: real processes."""

import os
import signal
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import RunModule, files_below
from reliability_processes import WarmProcess, environment

from dcgan_lightning.core.files import fill_folder
from dcgan_lightning.core.temporaries import is_temporary
from dcgan_lightning.inference.pretrained import load_generator
from dcgan_lightning.networks.sampling import sample_images

COMMAND = "dcgan_lightning.generate"


def test_images_of_a_run(run_module: RunModule, trained_run: Path, tmp_path: Path) -> None:
    result = run_module(COMMAND, f"ckpt_path={trained_run}", "n=3", "npz=true", "output_dir=made")
    assert result.returncode == 0, result.stderr
    assert "after epoch 2, averaged generator" in result.stdout
    assert "everything is in made" in result.stdout
    singles = {f"made/image_{number:06d}.png" for number in range(3)}
    assert files_below(tmp_path) == singles | {"made/grid.png", "made/images.npz", "made/made_with.json"}
    with np.load(tmp_path / "made" / "images.npz") as archive:
        assert np.array_equal(archive["images"], sample_images(load_generator(trained_run), 3).numpy())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_ended_call_leaves_no_half_folder(
    trained_run: Path, tmp_path: Path, number: signal.Signals
) -> None:
    arguments = ["-m", COMMAND, f"ckpt_path={trained_run}", "output_dir=made", "n=1000000"]
    process = WarmProcess(arguments, tmp_path, environment())
    deadline = time.monotonic() + 120
    while not any(tmp_path.glob(".dcgan-lightning-*/image_000300.png")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(number)
    ended = process.finish(timeout=60)
    if number == signal.SIGKILL:
        (left,) = os.listdir(tmp_path)
        assert is_temporary(left)
        fill_folder(tmp_path / "made", lambda folder: None)  # what the next call does
        assert os.listdir(tmp_path) == ["made"]
    else:
        assert ended.returncode == 128 + number
        assert ended.errors == ""
        assert os.listdir(tmp_path) == []
