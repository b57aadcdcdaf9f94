"""Runs on a folder of pictures, through the real functions of the commands."""

from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import TINY_SNGAN, Compose, files_below, train_into
from picture_folder import CLASSES, draw, make_folder
from PIL import Image

from dcgan_lightning.core.errors import ConfigError, DataError
from dcgan_lightning.evaluate import evaluate
from dcgan_lightning.export import export
from dcgan_lightning.generate import generate
from dcgan_lightning.inference.classes import class_names
from dcgan_lightning.inference.pretrained import load_trained
from dcgan_lightning.networks.sampling import sample_images
from dcgan_lightning.play import play
from dcgan_lightning.report import report as report_of
from dcgan_lightning.train import train

TINY = ("experiment=smoke", "data=image_folder", "~data.count", "logger=none", "report=false")

CLASSES_OF_FOLDER = ("model=sngan", "model.classes=3", *TINY_SNGAN[2:])


@pytest.fixture
def overrides(tmp_path: Path) -> tuple[str, ...]:
    """Return overrides for tiny networks on a folder of pictures."""
    root = make_folder(tmp_path / "pictures", 40)
    places = (f"data.root={root}", f"data.cache_dir={tmp_path / 'cache'}")
    return (*TINY, *places, "data.size=28", "data.channels=1", "data.batch_size=8")


def test_going_on_with_other_pictures_is_refused(
    compose_cfg: Compose, overrides: tuple[str, ...], tmp_path: Path
) -> None:
    classes = CLASSES_OF_FOLDER
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
        f"last.ckpt was trained on other images: the images in data.root={tmp_path / 'pictures'} have "
        "changed since; go on with the former ones, or start a new run"
    )
    assert (run / "checkpoints" / "last.ckpt").read_bytes() == checkpoint


def test_colour_pictures_go_all_the_way(
    compose_cfg: Compose, overrides: tuple[str, ...], tmp_path: Path
) -> None:
    """Train, resume, generate, score, export, play and report: all in colour and of the folder's size."""
    data = (
        "data=image_folder",
        *overrides[len(TINY) :],
        "data.channels=3",
        "data.size=32",
        "data.holdout=0.3",
    )
    settings = (*TINY, *data, *CLASSES_OF_FOLDER, "callbacks.history.plot_every_n_epochs=0")
    run = train_into(tmp_path / "whole", *settings, "trainer.max_epochs=2")
    trained = load_trained(run)
    assert trained.generator.image_shape == (3, 32, 32)
    assert Image.open(run / "samples" / "real.png").mode == "RGB"

    made = set()
    for mode in ("images", "interpolate", "walk", "neighbours", "atlas"):
        folder = tmp_path / mode
        few = (f"ckpt_path={run}", f"mode={mode}", "n=3", "steps=2", "tours=2", "k=2", f"output_dir={folder}")
        generate(compose_cfg(*few, config_name="generate"))
        made |= {f"{mode}/{name}" for name in files_below(folder)}
    assert {"images/grid.png", "interpolate/film.gif", "walk/film.gif", "neighbours/neighbours.png"} <= made
    assert Image.open(tmp_path / "atlas/blue_disc_000000.png").size == (32, 32)

    scored = (f"ckpt_path={run}", "count=129", "seeds=[0]")
    report = evaluate(compose_cfg(*scored, config_name="evaluate"))
    assert report["reference"] == f"the images in data.root={tmp_path / 'pictures'}, test images"
    assert report["features"]["name"] == "random"
    assert {"recall", "kernel_distance", "feature_newness"} < report["mean"].keys()
    assert report["anchors"].keys() == {"real", "noise", "blur", "mean_image"}
    exported = (f"ckpt_path={run}", "format=safetensors", f"output_dir={tmp_path / 'exported'}")
    export(compose_cfg(*exported, config_name="export"))
    assert "colour images of 32 x 32 pixels" in (tmp_path / "exported/README.md").read_text()
    again = load_trained(tmp_path / "exported").generator
    assert torch.equal(sample_images(again, 2), sample_images(trained.generator, 2))
    page = play(compose_cfg(f"ckpt_path={run}", config_name="play"))
    assert "green_bar" in page.read_text()
    assert "Recall" in report_of(compose_cfg(f"run={run}", config_name="report")).read_text()

    moved = (tmp_path / "pictures").rename(tmp_path / "moved")
    with pytest.raises(DataError, match=r"data\.root=.*pictures is not a folder .* pass the folder"):
        evaluate(compose_cfg(*scored, config_name="evaluate"))
    again = (*scored, f"+data.root={moved}", "metrics=[manifold]")
    assert evaluate(compose_cfg(*again, config_name="evaluate"))["mean"]["recall"] == report["mean"]["recall"]


def test_a_resumed_run_of_64_pixels_is_the_unbroken_one(overrides: tuple[str, ...], tmp_path: Path) -> None:
    data = ("data=image_folder", *overrides[len(TINY) :], "data.channels=3", "data.size=64")
    settings = (*TINY, *data, "callbacks=[checkpoint]")
    whole = train_into(tmp_path / "whole", *settings, "trainer.max_epochs=2")
    resumed = train_into(tmp_path / "resumed", *settings, "trainer.max_epochs=1")
    train_into(resumed, *settings, "trainer.max_epochs=2", "ckpt_path=last", "data.memory_share=0")
    expected = load_trained(whole).generator
    assert expected.image_shape == (3, 64, 64)
    for name, weights in load_trained(resumed).generator.state_dict().items():
        assert torch.equal(expected.state_dict()[name], weights), name


def test_images_of_other_data_are_refused(
    compose_cfg: Compose, overrides: tuple[str, ...], tmp_path: Path
) -> None:
    run = train_into(tmp_path / "run", *TINY, *overrides[len(TINY) :], "trainer.max_epochs=1")
    data = ("data=image_folder", *overrides[len(TINY) :], "data.channels=3")
    few = (f"ckpt_path={run}", "mode=neighbours", "n=3", "k=2")
    with pytest.raises(ConfigError, match=r"of 3 x 28 x 28 .* of 1 x 28 x 28; name the images"):
        generate(compose_cfg(*few, *data, config_name="generate"))


def test_a_folder_is_asked_for(compose_cfg: Compose) -> None:
    with pytest.raises(ConfigError, match=r"data=image_folder needs data\.root: the folder with the images"):
        train(compose_cfg(*TINY))
