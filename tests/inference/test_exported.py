"""Generators that were handed on: with classes, in half precision, and the shipped one."""

import json
import os
from pathlib import Path

import pytest
import torch
from conftest import Compose

from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.core.errors import CheckpointError
from dcgan_lightning.export import export
from dcgan_lightning.inference.classes import class_names
from dcgan_lightning.inference.formats import FORMATS, example_code
from dcgan_lightning.inference.pretrained import SHIPPED, load_trained
from dcgan_lightning.networks import Generator, SNGANGenerator
from dcgan_lightning.networks.sampling import sample_images


@pytest.fixture(scope="module")
def exported(conditional_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    from hydra import compose, initialize_config_dir

    from dcgan_lightning.config.build import CONF_DIR

    folder = tmp_path_factory.mktemp("exported") / "files"
    overrides = [f"ckpt_path={conditional_run}", "format=[safetensors,onnx]", f"output_dir={folder}"]
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        export(compose("export", overrides=overrides))
    return folder


def test_an_exported_generator_makes_the_same_images(exported: Path, conditional_run: Path) -> None:
    original, copy = load_trained(conditional_run), load_trained(exported)
    assert isinstance(copy.generator, SNGANGenerator)
    assert torch.equal(sample_images(copy.generator, 5), sample_images(original.generator, 5))
    for name in ("epochs", "iterations", "averaged", "settings", "fingerprint"):
        assert getattr(copy, name) == getattr(original, name), name
    assert copy.discriminator is None


def test_an_export_holds_one_kind_of_weights(exported: Path) -> None:
    assert load_trained(exported, averaged=True).averaged
    with pytest.raises(
        CheckpointError, match=r"averaged=false, but .* holds averages over the training only"
    ):
        load_trained(exported, averaged=False)


@pytest.mark.parametrize("name", ["safetensors", "onnx"])
def test_the_cards_code_runs(exported: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(exported)
    code = example_code(name, SNGANGenerator(16, (8, 4), classes=2))
    assert code in (exported / "README.md").read_text()
    found: dict[str, object] = {}
    exec(code, found)
    images = found["images"]
    assert getattr(images, "shape", None) == (16, 1, 28, 28)


def test_another_class_is_refused_by_name(exported: Path) -> None:
    with pytest.raises(CheckpointError, match="its class is SNGANGenerator, not Generator"):
        Generator.from_pretrained(exported)


def test_half_precision_halves_the_file(compose_cfg: Compose, conditional_run: Path, tmp_path: Path) -> None:
    sizes = []
    for half in (False, True):
        folder = tmp_path / str(half)
        overrides = (f"ckpt_path={conditional_run}", f"half={half}", f"output_dir={folder}")
        export(compose_cfg(*overrides, config_name="export"))
        sizes.append((folder / FORMATS["safetensors"].files[0]).stat().st_size)
    assert sizes[1] < 0.7 * sizes[0]
    whole, rounded = (
        sample_images(load_trained(tmp_path / name).generator, 20).int() for name in ("False", "True")
    )
    assert 0 < (whole - rounded).abs().max() <= 3


def test_damaged_descriptions_are_refused(exported: Path, tmp_path: Path) -> None:
    for name in FORMATS["safetensors"].files:
        (tmp_path / name).write_bytes((exported / name).read_bytes())
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"epochs": "many"}))
    with pytest.raises(CheckpointError, match=r"config\.json is damaged: config\.epochs must be"):
        load_trained(tmp_path)


def test_the_shipped_generator_makes_any_garment() -> None:
    trained = load_trained("pretrained")
    assert trained.path == SHIPPED
    assert class_names(trained) == CLASS_NAMES
    trousers, shirts = (
        sample_images(trained.generator, 40, label=CLASS_NAMES.index(name)).float()
        for name in ("trouser", "shirt")
    )
    between_the_legs = (slice(None), 0, slice(20, 28), slice(13, 15))
    assert trousers[between_the_legs].mean() < 0.5 * shirts[between_the_legs].mean()
    assert sum(os.path.getsize(path) for path in SHIPPED.iterdir()) < 3_000_000


def test_the_shipped_card_tells_how_it_was_made() -> None:
    card = (SHIPPED / "README.md").read_text()
    assert "frechet_distance" in card
    assert "| `seed` |" in card
    assert str(load_trained("pretrained").epochs) in card
