import json
import shutil
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
from conftest import Compose, files_below

from dcgan_lightning.core.errors import CheckpointError, ConfigError, DataError, RunFolderError
from dcgan_lightning.data import SyntheticDataModule
from dcgan_lightning.evaluate import evaluate
from dcgan_lightning.generate import generate
from dcgan_lightning.inference.translators import load_translators
from dcgan_lightning.networks.translator import make_inputs, translate_images
from dcgan_lightning.translate import translate


@pytest.fixture
def made(compose_cfg: Compose, pix2pix_run: Path, tmp_path: Path):
    """Return a function that translates with the run of Pix2Pix into tmp_path/made."""

    def run(*overrides: str) -> Path:
        where = [f"ckpt_path={pix2pix_run}", f"output_dir={tmp_path / 'made'}"]
        return translate(compose_cfg(*where, *overrides, config_name="translate"))

    return run


def test_test_images_of_the_runs_own_data(made, pix2pix_run: Path) -> None:
    folder = made("n=3", "first=2", "npz=true", "film=true")
    singles = {f"output_{number:06d}.png" for number in (2, 3, 4)}
    assert files_below(folder) == singles | {"grid.png", "images.npz", "training.gif", "made_with.json"}
    network = load_translators(pix2pix_run).networks["to_image"]
    images = SyntheticDataModule(count=24).load_images("test")[2:5]
    inputs = make_inputs(network, images)
    outputs = translate_images(network, inputs)
    with np.load(folder / "images.npz") as archive:
        assert np.array_equal(archive["inputs"], inputs.numpy())
        assert np.array_equal(archive["outputs"], outputs.numpy())
    for number, output in zip((2, 3, 4), outputs, strict=True):
        assert np.array_equal(imageio.imread(folder / f"output_{number:06d}.png"), output[0].numpy())
    grid = imageio.imread(folder / "grid.png")[::4, ::4]
    for column, panel in enumerate((inputs[0], outputs[0], images[0])):
        assert np.array_equal(grid[2:30, 2 + 30 * column : 30 + 30 * column], panel[0].numpy())
    about = json.loads((folder / "made_with.json").read_text())
    assert about["direction"] == "to_image"
    assert about["data"]["_target_"] == "dcgan_lightning.data.SyntheticDataModule"


def test_files_of_a_folder_that_are_drawings_already(made, pix2pix_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "drawings"
    folder.mkdir()
    network = load_translators(pix2pix_run).networks["to_image"]
    inputs = make_inputs(network, SyntheticDataModule(count=24).load_images("test")[:2])
    for name, drawing in zip(("b.png", "a.png"), inputs, strict=True):
        imageio.imwrite(folder / name, drawing[0].numpy())
    (folder / "notes.txt").write_text("no image")
    made(f"input={folder}", "prepare=false")
    outputs = translate_images(network, inputs)
    assert np.array_equal(imageio.imread(tmp_path / "made" / "output_000001.png"), outputs[0][0].numpy())
    assert (tmp_path / "made" / "files.csv").read_text() == "number,file\n0,a.png\n1,b.png\n"


def test_noise_makes_variants(made, compose_cfg: Compose, pix2pix_run: Path, tmp_path: Path) -> None:
    plain = imageio.imread(made("n=1") / "output_000000.png")
    other = compose_cfg(
        f"ckpt_path={pix2pix_run}",
        f"output_dir={tmp_path / 'other'}",
        "n=1",
        "noise_seed=1",
        config_name="translate",
    )
    assert not np.array_equal(imageio.imread(translate(other) / "output_000000.png"), plain)


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        (["n=25"], ConfigError, "first=0 and n=25 go beyond input=test, which has 24 images"),
        (["first=24"], ConfigError, "first=24 and n=16 go beyond"),
        (["direction=back"], ConfigError, "direction must be one of to_image; got 'back'"),
        (["input=nowhere"], DataError, "input=nowhere does not exist; give test, train, an image file or"),
        (["prepare=false"], ConfigError, "prepare=false is for files that are inputs already"),
        (["output_dir=."], RunFolderError, "exists already"),
        (["inputs=test"], ConfigError, ""),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(
    made, tmp_path: Path, overrides: list[str], error: type[Exception], message: str
) -> None:
    if overrides == ["inputs=test"]:
        overrides = ["+inputs=test"]
        message = "unknown key 'inputs'; did you mean 'input'"
    with pytest.raises(error, match=message) as caught:
        made(*overrides)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("data: {_target_: os.system}", "data._target_: 'os.system' may not be built"),
        ("data: {_target_: dcgan_lightning.data.SyntheticDataModule, roots: x}", "unknown key 'data.roots'"),
        ("data: {_target_: dcgan_lightning.data.SyntheticDataModule}", "data.batch_size is missing"),
    ],
)
@pytest.mark.parametrize("command", [translate, evaluate])
def test_the_settings_of_a_foreign_run_are_checked(
    compose_cfg: Compose, pix2pix_run: Path, tmp_path: Path, settings: str, message: str, command
) -> None:
    run = tmp_path / "run"
    shutil.copytree(pix2pix_run, run)
    (run / "config.yaml").write_text(settings)
    with pytest.raises((ConfigError, RunFolderError), match=message):
        command(compose_cfg(f"ckpt_path={run}", config_name=command.__name__))


def test_an_empty_folder_is_refused(made, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        made(f"input={tmp_path / 'empty'}")


def test_systems_of_the_other_kind_are_named(
    compose_cfg: Compose, trained_run: Path, pix2pix_run: Path
) -> None:
    with pytest.raises(CheckpointError, match=r"use python -m dcgan_lightning\.generate"):
        translate(compose_cfg(f"ckpt_path={trained_run}", config_name="translate"))
    with pytest.raises(CheckpointError, match=r"use python -m dcgan_lightning\.translate"):
        generate(compose_cfg(f"ckpt_path={pix2pix_run}", config_name="generate"))


def test_evaluate_scores_beside_baselines(compose_cfg: Compose, pix2pix_run: Path) -> None:
    cfg = compose_cfg(f"ckpt_path={pix2pix_run}", "features=random", config_name="evaluate")
    cfg.paths.output_dir = str(pix2pix_run)
    report = evaluate(cfg)
    assert json.loads((pix2pix_run / "scores" / "last_random.json").read_text()) == report
    assert report["mean"].keys() == report["readings"].keys() == {"l1", "ssim", "edge_f1"}
    assert report["anchors"].keys() == {"inputs", "nearest training input", "real images"}
    assert 0 < report["mean"]["l1"] < 1
    assert torch.tensor(report["anchors"]["nearest training input"]["l1"]) < 0.5
