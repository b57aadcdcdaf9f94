"""The play page as a file; what it does in a browser is in reports/test_play_browser.py."""

import base64
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Compose
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.core.errors import CheckpointError, ConfigError
from dcgan_lightning.data import SyntheticDataModule
from dcgan_lightning.inference.translators import load_translators
from dcgan_lightning.networks import Generator
from dcgan_lightning.networks.translator import make_inputs
from dcgan_lightning.play import play

SYNTHETIC = ("data=synthetic", "data.count=20", "data.batch_size=4")


def settings(*overrides: str) -> DictConfig:
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        return compose("play", overrides=list(overrides))


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


@pytest.fixture(scope="module")
def shipped_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return play(settings(f"output_dir={tmp_path_factory.mktemp('page')}", "quiz=5", *SYNTHETIC))


def test_the_shipped_generator_fits_into_a_small_file(shipped_page: Path) -> None:
    assert [*shipped_page.parent.iterdir()] == [shipped_page]
    assert shipped_page.name == "play.html"
    assert shipped_page.stat().st_size < 4_000_000
    data = data_of(shipped_page.read_text())
    assert [item["title"] for item in data["classes"]][::9] == ["T-shirt", "ankle boot"]
    assert data["command"] == "python -m dcgan_lightning.generate ckpt_path=pretrained"
    assert {item["type"] for item in data["network"]["tensors"]} == {"float16", "float32"}
    assert len(data["quiz"]["numbers"]) == len({*data["quiz"]["numbers"]}) == data["quiz"]["count"] == 5
    assert {*data["quiz"]["labels"]} <= {0, 1}


@pytest.mark.parametrize("kind", ["generating", "translating"])
def test_nothing_is_fetched_from_elsewhere(
    shipped_page: Path, pix2pix_run: Path, tmp_path: Path, kind: str
) -> None:
    path = shipped_page if kind == "generating" else translating_page(pix2pix_run, tmp_path)
    page = path.read_text()
    assert "default-src 'none'" in page
    code = re.sub(r"^ *//.*$", "", page, flags=re.MULTILINE)  # comments cite their sources
    assert re.findall(r"https?://|url\(|@import|\bsrc=", code) == []
    assert re.findall(r"<link[^>]*>", code) == ['<link rel="icon" href="data:,">']
    assert re.findall(r"\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon|importScripts|\bimport\(", code) == []


def test_the_same_settings_make_the_same_bytes(conditional_run: Path, tmp_path: Path) -> None:
    given = (f"ckpt_path={conditional_run}", *SYNTHETIC)
    first, second = (play(settings(*given, f"output_dir={tmp_path / name}")).read_bytes() for name in "ab")
    assert first == second


def copy_of(run: Path, folder: Path) -> Path:
    """Return a run's folder with what a page needs of it."""
    (folder / "checkpoints").mkdir(parents=True)
    for part in ("config.yaml", "checkpoints/last.ckpt"):
        (folder / part).write_bytes((run / part).read_bytes())
    return folder


@pytest.mark.parametrize("kind", ["conditional", "pix2pix"])
def test_markup_in_a_runs_name_is_text(request: pytest.FixtureRequest, tmp_path: Path, kind: str) -> None:
    run = copy_of(request.getfixturevalue(f"{kind}_run"), tmp_path / '<img src=x onerror=alert(1)>&"')
    cfg = settings(*SYNTHETIC, "ckpt_path=x")
    cfg.ckpt_path = str(run)
    page = play(cfg).read_text()
    assert "<img" not in page
    assert page.count("</script>") == 2
    assert re.search(r"<(h1|p class=\"soft name\")>&lt;img src=x onerror=alert\(1\)&gt;&amp;&#34;</", page)
    assert "<img src=x onerror=alert(1)>&" in data_of(page)["command"]


def test_a_page_of_a_run_goes_into_its_folder(conditional_run: Path, tmp_path: Path) -> None:
    run = copy_of(conditional_run, tmp_path / "run")
    assert play(settings(f"ckpt_path={run}", *SYNTHETIC)) == run / "play.html"
    data = data_of((run / "play.html").read_text())
    assert [item["title"] for item in data["classes"]] == ["0", "1"]
    assert data["command"].endswith(f"ckpt_path={run}")


def test_without_test_images_the_page_has_no_quiz(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, conditional_run: Path
) -> None:
    for overrides in (("data=fashion_mnist", "data.root=/nowhere"), (*SYNTHETIC, "data.channels=3")):
        path = play(settings(f"ckpt_path={conditional_run}", f"output_dir={tmp_path}", *overrides))
        assert 'id="tab-quiz"' not in path.read_text()
        assert data_of(path.read_text())["quiz"] is None
    assert caplog.text.count("a page without the quiz: ") == 2


def test_a_run_brings_its_own_images(conditional_run: Path, pix2pix_run: Path, tmp_path: Path) -> None:
    path = play(settings(f"ckpt_path={conditional_run}", f"output_dir={tmp_path}", "quiz=3"))
    images = SyntheticDataModule(count=144).load_images("test")
    quiz = data_of(path.read_text())["quiz"]
    shown = np.frombuffer(base64.b64decode(quiz["images"]), np.uint8).reshape(3, 28, 28)
    assert all((shown[i] == images[number, 0].numpy()).all() for i, number in enumerate(quiz["numbers"]))
    (way,) = data_of(translating_page(pix2pix_run, tmp_path / "pix2pix", "examples=2").read_text())["ways"]
    garments = SyntheticDataModule(count=24).load_images("test")[:2]
    assert base64.b64decode(way["targets"]) == garments.numpy().tobytes()
    inputs = make_inputs(load_translators(pix2pix_run).networks["to_image"], garments)
    assert base64.b64decode(way["inputs"]) == inputs.numpy().tobytes()


def translating_page(run: Path, folder: Path, *overrides: str) -> Path:
    return play(settings(f"ckpt_path={run}", f"output_dir={folder}", *overrides))


def test_a_page_that_leads_there_and_back(cyclegan_run: Path, tmp_path: Path) -> None:
    path = translating_page(cyclegan_run, tmp_path, "examples=3")
    ways = data_of(path.read_text())["ways"]
    assert [(way["direction"], way["source"], way["target"], way["count"]) for way in ways] == [
        ("a_to_b", "ellipse", "rectangle", 3),
        ("b_to_a", "rectangle", "ellipse", 3),
    ]
    assert "<h1>From ellipse to rectangle, and back</h1>" in path.read_text()


def test_without_test_images_the_canvas_is_empty(
    pix2pix_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    others = ("data=fashion_mnist", "data.root=/nowhere")
    for number, overrides in enumerate((("examples=0",), others, (*SYNTHETIC, "data.channels=3"))):
        path = translating_page(pix2pix_run, tmp_path / str(number), *overrides)
        (way,) = data_of(path.read_text())["ways"]
        assert (way["count"], way["inputs"]) == (0, "")
    assert caplog.text.count("a page without examples: ") == 2


def test_weights_of_32_bits_where_16_would_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conditional_run: Path
) -> None:
    with torch.no_grad():
        generator = Generator(100, (16, 8, 4)).eval()
        generator.layers.conv2d_transpose_2.weight *= 300  # small differences become large
    generator.save_pretrained(tmp_path)
    path = play(settings(f"ckpt_path={tmp_path}", "quiz=0", f"output_dir={tmp_path}/page"))
    assert {item["type"] for item in data_of(path.read_text())["network"]["tensors"]} == {"float32"}


@pytest.mark.parametrize(
    ("override", "error", "message"),
    [
        ("examples=-1", ConfigError, "examples must be a whole number from 0 to 1000; got -1"),
        ("quiz=-1", ConfigError, "quiz must be a whole number from 0 to 1000; got -1"),
        ("ckpt_path=null", ConfigError, "ckpt_path must be a run's folder or a checkpoint file"),
        ("ckpt_path=/nowhere", CheckpointError, "ckpt_path=/nowhere does not exist"),
        ("+klass=1", ConfigError, "unknown key 'klass'"),
    ],
)
def test_refusals_leave_nothing(
    compose_cfg: Compose, tmp_path: Path, override: str, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        play(compose_cfg(f"output_dir={tmp_path}/new", override, config_name="play"))
    assert [*tmp_path.iterdir()] == []
