"""Export of systems that translate images: every direction, every format, and what translate makes of it."""

import json
import shutil
from pathlib import Path

import imageio.v3 as imageio
import numpy as np
import pytest
import torch
import yaml
from conftest import Compose, files_below, train_into

from dcgan_lightning.core.errors import CheckpointError, RunFolderError
from dcgan_lightning.data import SyntheticDataModule
from dcgan_lightning.export import export
from dcgan_lightning.generate import generate
from dcgan_lightning.inference.formats import FORMATS, example_code
from dcgan_lightning.inference.translators import load_translators
from dcgan_lightning.networks import CycleGANGenerator, StyleNetwork, UNet
from dcgan_lightning.networks.translator import make_inputs, translate_images
from dcgan_lightning.translate import translate

FILES = {"README.md", "samples.png", "model.safetensors", "config.json", "generator.pt2"}
TINY = ("data.count=16", "data.batch_size=8", "trainer=cpu", "trainer.max_epochs=1", "logger=none")


@pytest.fixture(scope="module")
def cyclegan_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sizes = ("model.generator_channels=[4,6]", "model.blocks=1", "model.discriminator_channels=[4,6,8]")
    overrides = ("experiment=cyclegan", "data=synthetic_domains", *sizes, *TINY, "report=false")
    return train_into(tmp_path_factory.mktemp("cyclegan") / "run", *overrides)


@pytest.fixture(scope="module")
def style_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sizes = ("model.scale=2", "model.channels=[4,3]", "model.blocks=1", "model.features=random")
    overrides = ("experiment=style", "style=knit", "data=synthetic", *sizes, *TINY, "report=false")
    return train_into(tmp_path_factory.mktemp("style") / "run", *overrides)


def card_of(folder: Path) -> str:
    return (folder / "README.md").read_text()


def test_both_directions(compose_cfg: Compose, cyclegan_run: Path) -> None:
    formats = ("safetensors", "torch_export")
    result = export(
        compose_cfg(f"ckpt_path={cyclegan_run}", "format=[safetensors,torch_export]", config_name="export")
    )
    assert result.folder == cyclegan_run / "exported"
    expected = {f"{direction}/{name}" for direction in ("a_to_b", "b_to_a") for name in FILES}
    assert files_below(result.folder) == expected
    assert result.deviations == {"safetensors": 0.0, "torch_export": pytest.approx(0.0, abs=2e-6)}

    trained = load_translators(cyclegan_run)
    images = 2 * torch.rand(3, 1, 28, 28, generator=torch.Generator().manual_seed(0)) - 1
    for direction, network in trained.networks.items():
        folder = result.folder / direction
        for name in formats:
            copied = FORMATS[name].read(folder)(images)
            np.testing.assert_allclose(copied.detach(), network(images), rtol=0, atol=2e-6)
        card = card_of(folder)
        words = ("ellipse", "rectangle") if direction == "a_to_b" else ("rectangle", "ellipse")
        assert f"# CycleGAN network, {direction}, as its training left it" in card
        assert f"It makes `{words[1]}` of `{words[0]}`: trained for 1 epoch with batches of 8 images" in card
        assert "| input `images` | (N, 1, 28, 28) float32 in [-1, 1]" in card
        assert "| output `translated` | (N, 1, 28, 28) float32 in [-1, 1]" in card
        assert yaml.safe_load(card.split("---")[1])["tags"] == ["gan", "image-to-image"]
    assert not torch.equal(*(network(images) for network in trained.networks.values()))

    copy = load_translators(result.folder)
    assert list(copy.networks) == list(trained.networks)
    assert copy.sources == trained.sources == {"a_to_b": 0, "b_to_a": 1}
    for direction, network in copy.networks.items():
        assert isinstance(network, CycleGANGenerator)
        assert torch.equal(network(images), trained.networks[direction](images))
    assert list(load_translators(result.folder / "b_to_a").networks) == ["b_to_a"]


def test_a_style_is_exported_at_its_own_size(compose_cfg: Compose, style_run: Path, tmp_path: Path) -> None:
    options = (f"ckpt_path={style_run}", f"output_dir={tmp_path / 'mine'}", "format=[safetensors,onnx]")
    folder = export(compose_cfg(*options, config_name="export")).folder
    card = card_of(folder)
    assert "# Style transfer network, stylize" in card
    assert "It gives enlarged images the style `knit`" in card
    assert (
        "(N, 1, 56, 56) float32 in [-1, 1], N at least 1: made of images of 28 x 28 pixels by `StyleNetwork"
        in card
    )
    network = load_translators(style_run).networks["stylize"]
    assert isinstance(network, StyleNetwork)
    for name in ("safetensors", "onnx"):
        assert example_code(name, network) in card
    inputs = make_inputs(network, SyntheticDataModule(count=16).load_images("test"))
    outputs = translate_images(network, inputs)
    picture = imageio.imread(folder / "samples.png")  # an image of 56 pixels becomes 112, and a border of 4
    first, second = (picture[4:116:2, 4 + 116 * column : 116 + 116 * column : 2] for column in (0, 1))
    assert np.array_equal(first, inputs[0, 0])
    assert np.array_equal(second, outputs[0, 0])


def test_translate_takes_an_export(compose_cfg: Compose, pix2pix_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(pix2pix_run, tmp_path / "pix2pix")
    folder = export(compose_cfg(f"ckpt_path={run}", config_name="export")).folder
    assert isinstance(load_translators(folder).networks["to_image"], UNet)
    made = []
    for number, path in enumerate((run, folder)):
        options = (f"ckpt_path={path}", f"output_dir={tmp_path / str(number)}", "n=5", "npz=true")
        data = ("data=synthetic", "data.count=24", "data.batch_size=8")
        translate(compose_cfg(*options, *data, config_name="translate"))
        made.append(np.load(tmp_path / str(number) / "images.npz"))
    assert np.array_equal(made[0]["outputs"], made[1]["outputs"])
    with pytest.raises(
        CheckpointError, match=r"averaged=false, but .* holds averages over the training only"
    ):
        load_translators(folder, averaged=False)
    with pytest.raises(CheckpointError, match=r"translates images; use python -m dcgan_lightning.translate"):
        generate(compose_cfg(f"ckpt_path={folder}", config_name="generate"))
    config = json.loads((folder / "config.json").read_text())
    for wrong, message in (({"direction": "back"}, "has no direction back"), ({"epochs": -1}, "damaged")):
        (folder / "config.json").write_text(json.dumps(config | wrong))
        with pytest.raises(CheckpointError, match=message):
            load_translators(folder)


def test_scores_stand_beside_their_baselines(compose_cfg: Compose, pix2pix_run: Path, tmp_path: Path) -> None:
    run = shutil.copytree(pix2pix_run, tmp_path / "pix2pix")
    (run / "scores").mkdir(exist_ok=True)
    report = {
        "averaged": True,
        "epochs": 2,
        "iterations": 0,
        "count": 24,
        "reference": "made-up data, test images",
        "features": {"name": "classifier"},
        "mean": {"l1": 0.25, "frechet_distance": 5.5},
        "anchors": {"inputs": {"l1": 0.5}, "real images": {"frechet_distance": 0.125}},
        "readings": {"l1": "0 is best"},
    }
    (run / "scores" / "last.json").write_text(json.dumps(report))
    card = card_of(export(compose_cfg(f"ckpt_path={run}", config_name="export")).folder)
    assert "| score | this model | inputs | real images |\n| --- | --- | --- | --- |\n" in card
    assert "| l1 | 0.25 | 0.5 |  |\n| frechet_distance | 5.5 |  | 0.125 |\n" in card


def test_without_the_data_there_is_no_picture(
    compose_cfg: Compose, pix2pix_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoint = shutil.copy(pix2pix_run / "checkpoints" / "last.ckpt", tmp_path / "mine.ckpt")
    options = (
        f"ckpt_path={checkpoint}",
        f"output_dir={tmp_path / 'mine'}",
        "data=fashion_mnist",
        f"data.root={tmp_path}",
    )
    folder = export(compose_cfg(*options, config_name="export")).folder
    assert files_below(folder) == {"README.md", "model.safetensors", "config.json"}
    assert "samples.png" not in card_of(folder)
    assert "no picture: " in caplog.text


def test_other_files_are_left_alone(compose_cfg: Compose, cyclegan_run: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    options = (f"ckpt_path={cyclegan_run}", f"output_dir={mine}")
    for path in (mine / "a_to_b" / "thesis.txt", mine / "thesis.txt"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("thesis")
        with pytest.raises(RunFolderError, match=r"holds thesis.txt, which is not of such an export"):
            export(compose_cfg(*options, config_name="export"))
        assert files_below(mine) == {str(path.relative_to(mine))}
        path.unlink()
    export(compose_cfg(*options, config_name="export"))
    (mine / "a_to_b" / "generator.pt2").touch()  # of another format, in an earlier export
    export(compose_cfg(*options, config_name="export"))
    kept = {"README.md", "samples.png", "model.safetensors", "config.json"}
    assert files_below(mine) == {f"{name}/{file}" for name in ("a_to_b", "b_to_a") for file in kept}
