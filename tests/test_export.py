import importlib.util
import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import Compose, files_below
from hydra import compose, initialize_config_dir

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.core import heartbeat
from dcgan_lightning.core.errors import (
    CheckpointError,
    ConfigError,
    DCGANError,
    ExportError,
    MissingExtraError,
    RunFolderError,
)
from dcgan_lightning.export import ExportResult, export
from dcgan_lightning.inference.exported import generator_part
from dcgan_lightning.inference.formats import FORMATS, example_code, install_commands
from dcgan_lightning.inference.model_card import model_card
from dcgan_lightning.inference.pretrained import load_generator, load_trained
from dcgan_lightning.networks import Generator
from dcgan_lightning.networks.sampling import sample_images
from dcgan_lightning.pictures import decode_png, make_grid
from dcgan_lightning.train import train

FILES = {"README.md", "samples.png"}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run of seconds that kept an average."""
    folder = tmp_path_factory.mktemp("trained") / "small"
    overrides = [
        "experiment=smoke",
        "callbacks=[checkpoint,averaged_generator]",
        "logger=none",
        "report=false",
    ]
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        cfg = compose("train", [*overrides, "trainer.max_epochs=2"])
    cfg.paths.output_dir = str(folder)
    train(cfg)
    return folder


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "small")


@pytest.fixture
def export_with(compose_cfg: Compose):
    def export_as(*overrides: object) -> ExportResult:
        return export(compose_cfg(*map(str, overrides), config_name="export"))

    return export_as


def card_of(folder: Path) -> str:
    return (folder / "README.md").read_text()


def without_average(run: Path) -> Path:
    path = run / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    del checkpoint["callbacks"]["AveragedGenerator"]
    shutil.rmtree(run)
    path.parent.mkdir(parents=True)
    torch.save(checkpoint, path)
    return path


def test_all_formats_and_what_the_card_says(export_with, run: Path) -> None:
    result = export_with(f"ckpt_path={run}", "format=all")
    assert result.folder == run / "exported"
    names = {"model.safetensors", "config.json", "generator.onnx", "generator.pt2"}
    assert files_below(result.folder) == FILES | names
    assert result.deviations["safetensors"] == 0.0
    assert all(0 <= result.deviations[name] < 2e-6 for name in ("onnx", "torch_export"))

    card = card_of(result.folder)
    assert "# DCGAN generator, averaged over its training" in card
    assert (
        "trained for 2 epochs with batches of 32 images, exported from `small/checkpoints/last.ckpt`" in card
    )
    assert f"| `generator.onnx` | `numpy`, `onnxruntime` | {result.deviations['onnx']:.1e} |" in card
    generator = load_generator(run)
    weights = sum(weight.numel() for weight in generator.parameters())
    assert f"{weights:,} weights, " in card
    assert f"(N, {generator.latent_dim}) float32" in card
    assert f"| `generator_channels` | `{generator.arguments['channels']}` |" in card
    for name, form in FORMATS.items():
        assert example_code(name, generator) in card
        assert f"```bash\n{install_commands(form.needs)}\n```" in card
    assert "[export]" not in card  # the extra would bring what none of the examples needs
    assert str(run.parent) not in card
    assert "## Scores" not in card

    picture = decode_png((result.folder / "samples.png").read_bytes())
    assert np.array_equal(picture, make_grid(sample_images(generator, 16), columns=4, scale=4))


@pytest.mark.parametrize(("averaged", "expected"), [("auto", True), (True, True), (False, False)])
def test_which_of_the_two_generators(export_with, run: Path, averaged: object, expected: bool) -> None:
    result = export_with(f"ckpt_path={run}", f"averaged={averaged}")
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    average = checkpoint["callbacks"]["AveragedGenerator"]["generator"]["layers.dense.weight"]
    live = checkpoint["state_dict"]["generator.layers.dense.weight"]
    assert not torch.equal(average, live)
    loaded = Generator.from_pretrained(result.folder).layers.dense.weight
    assert torch.equal(loaded, average if expected else live)
    assert ("averaged over its training" in card_of(result.folder)) is expected


def test_a_checkpoint_without_an_average_and_outside_of_a_run(
    export_with, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.move(without_average(run), "mine.ckpt")
    with pytest.raises(CheckpointError, match=r"averaged=true, but mine.ckpt was trained without callbacks="):
        export_with("ckpt_path=mine.ckpt", "averaged=true")
    assert not Path("outputs").exists()
    assert export_with("ckpt_path=mine.ckpt").folder == Path("outputs/exported_mine")
    assert "exported from `mine.ckpt`" in card_of(tmp_path / "outputs" / "exported_mine")


def test_an_export_is_replaced_as_a_whole(export_with, run: Path, tmp_path: Path) -> None:
    options = (f"ckpt_path={run}", f"output_dir={tmp_path}/mine")
    export_with(*options, "format=torch_export")
    assert files_below(tmp_path / "mine") == FILES | {"generator.pt2"}
    export_with(*options, "format=[safetensors]")
    assert files_below(tmp_path / "mine") == FILES | {"model.safetensors", "config.json"}
    assert {path.name for path in tmp_path.iterdir()} == {"small", "mine"}


@pytest.mark.parametrize("error", [2e-5, float("nan")])
def test_a_copy_that_deviates_is_refused_and_the_old_export_stays(
    export_with, run: Path, monkeypatch: pytest.MonkeyPatch, error: float
) -> None:
    export_with(f"ckpt_path={run}")
    before = {path.name: path.read_bytes() for path in (run / "exported").iterdir()}

    def read_wrongly(folder: Path):
        generator = Generator.from_pretrained(folder)
        return lambda noise: generator(noise) + error * (len(noise) == 7)

    monkeypatch.setitem(FORMATS, "safetensors", replace(FORMATS["safetensors"], read=read_wrongly))
    with pytest.raises(ExportError, match=r"is (2.0e-05|nan) off the original, more than 1e-05"):
        export_with(f"ckpt_path={run}", "averaged=false")
    assert {path.name: path.read_bytes() for path in (run / "exported").iterdir()} == before
    kept = {"checkpoints", "config.yaml", "networks.txt", "system.json"}
    assert {path.name for path in run.iterdir()} == kept | {"exported"}


def report_on(**changes: object) -> str:
    report = {
        "averaged": True,
        "epochs": 2,
        "iterations": 0,
        "count": 10_000,
        "reference": "Fashion-MNIST, test images",
        "features": {"name": "classifier"},
        "mean": {"frechet_distance": 12.34567, "precision": 0.75, "class_histogram": {"bag": 0.1}},
        "spread": {"frechet_distance": 0.5, "precision": None},
        "anchors": {"real": {"frechet_distance": 1.25}},
    }
    return json.dumps(report | changes)


@pytest.mark.parametrize(
    ("data", "tags", "licence", "said"),
    [
        (
            {"data.verify": True},
            "[gan, dcgan, fashion-mnist]",
            "mit",
            "The code and Fashion-MNIST (Xiao et al. 2017, https://arxiv.org/abs/1708.07747) are under",
        ),
        ({"data.count": 64}, "[gan, dcgan]", "mit", "The code is under the MIT licence, and so is this"),
        (
            {"data.verify": False},
            "[gan, dcgan]",
            None,
            "that of the images it was trained on is not known",
        ),
    ],
)
def test_the_card_names_a_licence_only_where_it_is_known(
    run: Path, data: dict, tags: str, licence: str | None, said: str
) -> None:
    card = model_card(generator_part(replace(load_trained(run), fingerprint=data)), {}, None)
    front = yaml.safe_load(card.split("---")[1])
    assert front == {"library_name": "dcgan-lightning", "tags": tags.strip("[]").split(", ")} | (
        {"license": licence} if licence else {}
    )
    assert said in card


def test_scores_are_in_the_card_if_they_are_of_this_generator(export_with, run: Path) -> None:
    def card(*overrides: str) -> str:
        return card_of(export_with(f"ckpt_path={run}", *overrides).folder)

    (run / "scores").mkdir()
    path = run / "scores" / "last.json"
    path.write_text(report_on())
    text = card()
    assert "Of 10,000 images, against Fashion-MNIST, test images, seen through classifier features." in text
    assert "| frechet_distance | 12.35 | 0.5 | 1.25 |\n| precision | 0.75 |  |  |\n\n" in text
    assert "## Scores" not in card("averaged=false")
    path.with_name("last_not_averaged.json").write_text(report_on(averaged=False, anchors=None))
    assert "| frechet_distance | 12.35 | 0.5 |  |" in card("averaged=false")

    others = [report_on(epochs=1), report_on(iterations=1), report_on(mean=5), report_on(features=None)]
    for wrong in ("{", "[]", "{}", "\xff", *others):
        path.write_text(wrong, encoding="latin-1")
        assert "## Scores" not in card(), wrong


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "format=pth",
            "format must be one of safetensors, onnx, torch_export, a list of them, or all; got 'pth'",
        ),
        ("format=[]", "format must be one of"),
        ("format=[onnx,pth]", "format must be one of"),
        ("format=null", "format must be one of"),
        ("averaged=maybe", "averaged must be one of auto, True, False; got 'maybe'"),
        ("output_dir=''", "output_dir must be a text, or null; got ''"),
        ("ckpt_path=null", "a checkpoint file, as in ckpt_path=outputs/first; got None"),
        ("ckpt_path=3", "a checkpoint file, as in ckpt_path=outputs/first; got 3"),
        ("+forms=onnx", "unknown key 'forms'; did you mean 'format'?"),
        ("ckpt_path=${nope}", "Interpolation key 'nope' not found"),
    ],
)
def test_wrong_settings_are_refused(export_with, override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        export_with("ckpt_path=x", override)
    assert message in str(caught.value)


def test_extras_that_are_not_installed_are_named(
    export_with, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name.startswith("onnx") else find_spec(name)
    )
    expected = r'format=onnx needs onnx, onnxscript, onnxruntime, .*pip install -e "\.\[export\]"'
    with pytest.raises(MissingExtraError, match=expected):
        export_with(f"ckpt_path={tmp_path}", "format=all")
    with pytest.raises(CheckpointError, match="ckpt_path=x does not exist"):
        export_with("ckpt_path=x", "format=[torch_export,safetensors]")


def test_no_checkpoint_or_a_damaged_one_leaves_nothing(export_with, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "x.ckpt").write_bytes(b"damaged")
    for path, message in (("empty", "holds no checkpoint"), ("x.ckpt", "cannot be read")):
        with pytest.raises(CheckpointError, match=message):
            export_with(f"ckpt_path={tmp_path}/{path}", f"output_dir={tmp_path}/mine")
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "x.ckpt"}


def test_a_folder_that_holds_something_else_is_left_alone(export_with, run: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "README.md").write_text("README.md")
    with pytest.raises(RunFolderError, match=r"mine holds README.md, which is not of such an export"):
        export_with(f"ckpt_path={run}", f"output_dir={mine}")
    (mine / "thesis.txt").write_text("thesis.txt")
    (mine / "config.json").write_text("config.json")
    with pytest.raises(RunFolderError, match=r"mine holds thesis.txt, which is not of such an export"):
        export_with(f"ckpt_path={run}", f"output_dir={mine}")
    names = ("README.md", "thesis.txt", "config.json")
    assert {path.name: path.read_text() for path in mine.iterdir()} == {name: name for name in names}
    for path, message in (
        (mine / "README.md", "is a file; choose a folder"),
        (mine / "README.md/x", "cannot write"),
    ):
        with pytest.raises(DCGANError, match=message):
            export_with(f"ckpt_path={run}", f"output_dir={path}")


def test_writing_and_checking_is_not_silent_for_long(
    export_with, run: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "LINE_SECONDS", 0.001)
    caplog.set_level("INFO")
    export_with(f"ckpt_path={run}", "format=all")
    for name in FORMATS:
        assert f"writing and checking {name}: " in caplog.text
