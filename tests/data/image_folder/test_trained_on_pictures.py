"""Runs on a folder of pictures, through the real functions of the commands."""

from pathlib import Path

import numpy as np
import pytest
from conftest import Compose
from picture_folder import CLASSES, draw, make_folder

from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.inference.classes import class_names
from dcgan_lightning.inference.pretrained import load_trained
from dcgan_lightning.train import train

TINY = ("experiment=smoke", "data=image_folder", "~data.count", "logger=none", "report=false")


@pytest.fixture
def overrides(tmp_path: Path) -> tuple[str, ...]:
    """Return overrides for tiny networks on a folder of pictures."""
    root = make_folder(tmp_path / "pictures", 40)
    places = (f"data.root={root}", f"data.cache_dir={tmp_path / 'cache'}")
    return (*TINY, *places, "data.size=28", "data.channels=1", "data.batch_size=8")


def test_going_on_with_other_pictures_is_refused(
    compose_cfg: Compose, overrides: tuple[str, ...], tmp_path: Path
) -> None:
    classes = ("model=sngan", "model.classes=3", "model.generator_channels=[8,4]",
               "model.discriminator_channels=[4,6,8]")  # fmt: skip
    run = tmp_path / "run"
    train(compose_cfg(*overrides, *classes, "trainer.max_epochs=1"))
    trained = load_trained(run)
    assert class_names(trained) == CLASSES
    assert len(trained.fingerprint["data.content"]) == 64
    train(compose_cfg(*overrides, *classes, "ckpt_path=last", "trainer.max_epochs=2", "data.memory_share=0"))
    checkpoint = (run / "checkpoints" / "last.ckpt").read_bytes()
    draw(1, 40, 40, np.random.default_rng(3)).save(tmp_path / "pictures" / "green_bar" / "another.png")
    with pytest.raises(ConfigError) as caught:
        train(compose_cfg(*overrides, *classes, "ckpt_path=last", "trainer.max_epochs=3"))
    assert str(caught.value).endswith(
        f"last.ckpt was trained on other images: the images in data.root={tmp_path / 'pictures'}, have "
        "changed since; go on with the former ones, or start a new run"
    )
    assert (run / "checkpoints" / "last.ckpt").read_bytes() == checkpoint


def test_a_folder_is_asked_for(compose_cfg: Compose) -> None:
    with pytest.raises(ConfigError, match=r"data=image_folder needs data\.root: the folder with the images"):
        train(compose_cfg(*TINY))
