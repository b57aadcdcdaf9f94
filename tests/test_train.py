from pathlib import Path

import pytest
import torch
from conftest import Compose

from dcgan_lightning.errors import ConfigError
from dcgan_lightning.pictures import decode_png
from dcgan_lightning.train import choose_accelerator, continue_command, train


def test_result(compose_cfg: Compose, tmp_path: Path) -> None:
    overrides = ("experiment=smoke", "callbacks=none", "logger=none", "trainer.max_epochs=1")
    result = train(compose_cfg(*overrides))
    assert result.folder == tmp_path / "run"
    assert result.epochs == 1
    assert set(result.metrics) == {"gen_loss", "disc_loss", "real_accuracy", "fake_accuracy"}
    assert 0 < result.metrics["disc_loss"] < 3
    assert result.seconds > 0
    assert result.system(torch.zeros(2, 16)).shape == (2, 1, 28, 28)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == ["config.yaml", "networks.txt"]


def test_colour_images(compose_cfg: Compose, tmp_path: Path) -> None:
    colour = ("data.image_channels=3", "model.image_channels=3", "logger=tensorboard")
    result = train(
        compose_cfg("experiment=smoke", *colour, "callbacks.progress=null", "trainer.max_epochs=1")
    )
    assert result.epochs == 1
    grid = decode_png((tmp_path / "run/samples/sample_epoch_0001_iter_005.png").read_bytes())
    assert grid.shape == (488, 488, 3)
    assert (tmp_path / "run/fashion_mnist_dcgan.gif").exists()


def test_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_accelerator("auto") == "cpu"
    assert choose_accelerator("cpu") == "cpu"
    with pytest.raises(ConfigError, match=r"trainer\.accelerator=gpu: PyTorch finds no CUDA device"):
        choose_accelerator("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_accelerator("auto") == "cuda"
    assert choose_accelerator("gpu") == "cuda"
    assert choose_accelerator("cpu") == "cpu"


def test_continue_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    overrides = ["seed=1", "logger=[csv,tensorboard]", "run_name=x", "trainer.max_epochs=2", "ckpt_path=last"]
    assert continue_command(tmp_path / "outputs/sweep/0", [*overrides, "sweep=seeds"], 9) == (
        "python -m dcgan_lightning.train seed=1 'logger=[csv,tensorboard]' run_name=sweep/0 ckpt_path=last "
        "trainer.max_epochs=9"
    )
    assert f"hydra.run.dir={tmp_path}/other" in continue_command(tmp_path / "other", [], 9)
