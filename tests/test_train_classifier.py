import hashlib
import json
import struct
from pathlib import Path

import pytest
import pytorch_lightning as pl
from conftest import Compose, files_below

from dcgan_lightning.core import heartbeat
from dcgan_lightning.core.errors import DCGANError
from dcgan_lightning.data import SyntheticDataModule
from dcgan_lightning.evaluation.fashion_mnist.classifier import accuracy, load_classifier
from dcgan_lightning.train_classifier import train_classifier


def test_weights_description_and_card_belong_together(compose_cfg: Compose, tmp_path: Path) -> None:
    cfg = compose_cfg(
        "data=synthetic", "data.count=300", "data.batch_size=20", "epochs=3", config_name="train_classifier"
    )
    description = train_classifier(cfg)
    folder = tmp_path / "run"
    name = "synthetic_classifier"  # beside the one for Fashion-MNIST, not over it
    assert files_below(folder) == {f"{name}.safetensors", f"{name}.json", f"{name}.md"}
    assert json.loads((folder / f"{name}.json").read_text()) == description
    content = (folder / f"{name}.safetensors").read_bytes()
    assert description["sha256"] == hashlib.sha256(content).hexdigest()
    network = load_classifier(folder / f"{name}.safetensors")
    images, labels = SyntheticDataModule(count=300).load_split("test")
    assert description["test_accuracy"] == accuracy(network, images, labels) > 0.8
    card = (folder / f"{name}.md").read_text()
    assert description["sha256"] in card
    assert f"**{100 * description['test_accuracy']:.2f} %**" in card
    assert "3 epochs of batches of 20" in card
    assert card.startswith("# Classifier for synthetic data (made-up shapes) of dcgan_lightning\n")
    assert "of the 300 test images" in card
    assert f"{len(content):,} bytes" in card


def test_the_same_seed_gives_the_same_weights(compose_cfg: Compose) -> None:
    def digest(seed: int) -> str:
        settings = ("data=synthetic", "data.count=64", "data.batch_size=32", "epochs=1", f"seed={seed}")
        return train_classifier(compose_cfg(*settings, config_name="train_classifier"))["sha256"]

    assert digest(0) == digest(0) != digest(1)


def test_a_set_without_test_images_is_refused_before_the_training(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_training(*arguments: object, **options: object) -> None:
        raise AssertionError("trained for nothing")

    monkeypatch.setattr(pl.Trainer, "fit", no_training)
    images, labels = SyntheticDataModule(count=20).load_split("train")
    header = struct.pack(">4I", 0x803, 20, 28, 28)
    (tmp_path / "train-images.idx3-ubyte").write_bytes(header + images.numpy().tobytes())
    (tmp_path / "train-labels.idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, 20) + bytes(labels.tolist()))
    settings = ("data=fashion_mnist", f"data.root={tmp_path}", "data.verify=false", "data.batch_size=10")
    with pytest.raises(DCGANError, match="holds no test images, which are needed here"):
        train_classifier(compose_cfg(*settings, config_name="train_classifier"))


def test_another_architecture_has_files_of_its_own(compose_cfg: Compose, tmp_path: Path) -> None:
    settings = ("data=synthetic", "data.count=300", "data.batch_size=20", "epochs=6", "seed=1", "data.seed=1")
    cfg = compose_cfg(*settings, "classifier.architecture=residual", config_name="train_classifier")
    description = train_classifier(cfg)
    assert description["settings"]["architecture"] == "residual"
    path = tmp_path / "run" / "synthetic_residual_classifier.safetensors"
    assert files_below(tmp_path / "run") == {
        path.with_suffix(end).name for end in (path.suffix, ".json", ".md")
    }
    network = load_classifier(path)
    assert network.architecture == "residual"
    test = SyntheticDataModule(seed=1, count=300).load_split("test")
    assert description["test_accuracy"] == accuracy(network, *test) > 0.8
    card = path.with_suffix(".md").read_text()
    assert "`python -m dcgan_lightning.train_classifier classifier.architecture=residual seed=1`" in card
    assert "222,250 weights" in card


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("classifier.architecture=linear", "classifier.architecture must be one of convolutional, residual"),
        ("epochs=0", "epochs must be a whole number from 1 to 1000; got 0"),
        ("classifier.lr=-1", "classifier.lr must be a number above 0; got -1"),
        ("classifier.dropout=1", "classifier.dropout must be a number from 0 up to"),
        ("shift=20", "shift must be a whole number from 0 to 14; got 20"),
        ("threads=0", "threads must be a whole number from 1 to 1024"),
        ("threads=null", "threads must be a whole number from 1 to 1024; got None"),
        ("~classifier.lr", "classifier.lr is missing; set it with classifier.lr=..."),
    ],
)
def test_refusals(compose_cfg: Compose, tmp_path: Path, override: str, message: str) -> None:
    with pytest.raises(DCGANError, match=message):
        train_classifier(compose_cfg(*override.split(), config_name="train_classifier"))
    assert not (tmp_path / "run").exists()


def test_the_training_is_not_silent_for_long(
    compose_cfg: Compose, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "LINE_SECONDS", 0.001)
    caplog.set_level("INFO")
    settings = ("data=synthetic", "data.count=64", "data.batch_size=32", "epochs=2")
    train_classifier(compose_cfg(*settings, config_name="train_classifier"))
    assert "training: 3 of 4 batches, 0 s left" in caplog.text
