"""A labelled folder of pictures gets classifiers of its own, which the scores find by themselves."""

import csv
import hashlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import TINY_SNGAN, Compose, train_into
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from picture_folder import CLASSES, make_folder

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.core.errors import ConfigError, DataError, WeightsError
from dcgan_lightning.data import FashionMNISTDataModule, ImageFolderDataModule, SyntheticDataModule
from dcgan_lightning.evaluate import evaluate
from dcgan_lightning.evaluation.fashion_mnist.classifier import accuracy, encode_weights, load_classifier
from dcgan_lightning.evaluation.own_classifiers import class_names_of, find_own, how_to_train, keep
from dcgan_lightning.train_classifier import train_classifier

Descriptions = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with pictures and an empty cache."""
    folder = tmp_path_factory.mktemp("own")
    make_folder(folder / "pictures", 420)
    return folder


def data_of(folder: Path, size: int = 28) -> tuple[str, ...]:
    places = (f"data.root={folder / 'pictures'}", f"data.cache_dir={folder / 'cache'}")
    return ("data=image_folder", *places, f"data.size={size}", "data.holdout=0.4")


@pytest.fixture(scope="module")
def trained(folder: Path) -> Descriptions:
    """Return the descriptions of both classifiers of the folder's images; the first one names a run."""
    descriptions = {}
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        run = folder / "outputs" / "run"
        run.mkdir(parents=True)
        data = compose("train", overrides=[*data_of(folder), "seed=3"]).data
        settings = {"data": OmegaConf.to_container(data, resolve=True)}
        OmegaConf.save(settings, run / "config.yaml")
    for architecture, images in (("convolutional", (f"ckpt_path={run}",)), ("residual", data_of(folder))):
        settings = (f"classifier.architecture={architecture}", "epochs=4", "data.batch_size=16")
        with initialize_config_dir(CONF_DIR, version_base="1.3"):
            cfg = compose("train_classifier", overrides=[*images, *settings])
        cfg.paths.output_dir = str(folder / "classifiers")
        descriptions[architecture] = train_classifier(cfg)
    return descriptions


def module_of(folder: Path, size: int = 28) -> ImageFolderDataModule:
    return ImageFolderDataModule(
        root=str(folder / "pictures"), size=size, holdout=0.4, cache_dir=str(folder / "cache")
    )


def test_classifiers_are_kept_under_the_content_of_their_images(folder: Path, trained: Descriptions) -> None:
    own = find_own(module_of(folder))
    assert own is not None
    assert own.class_names == CLASSES
    assert own.digest == trained["convolutional"]["sha256"]
    assert own.held_out_digest == trained["residual"]["sha256"]
    assert own.classifier is not None
    test = module_of(folder).load_split("test")
    assert trained["convolutional"]["test_accuracy"] == accuracy(own.classifier, *test) > 0.6
    assert {path.suffix for path in (folder / "cache" / "classifiers").iterdir()} == {".json", ".safetensors"}
    card = (folder / "classifiers" / "pictures_classifier.md").read_text()
    assert "| input | (N, 3, 28, 28) in [-1, 1]" in card
    assert f"| output | 3 logits: {', '.join(CLASSES)} |" in card
    other = find_own(module_of(folder, size=32))
    assert other is not None
    assert other.classifier is other.held_out is None


def test_the_scores_use_them(
    compose_cfg: Compose,
    folder: Path,
    trained: Descriptions,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    settings = ("experiment=smoke", *data_of(folder), "~data.count", "model=sngan", *TINY_SNGAN[2:])
    settings = (*settings, "model.classes=3", "callbacks=[default,scores]", "callbacks.scores.count=130")
    run = train_into(tmp_path / "run", *settings, "data.batch_size=64", "logger=none", "report=false")
    with open(run / "history" / "scores.csv") as file:
        (row, *_) = csv.DictReader(file)
    assert float(row["confidence"]) > 1 / 3
    assert f"seen through classifier {trained['convolutional']['sha256'][:12]}: real Fr" in caplog.text
    report = evaluate(
        compose_cfg(f"ckpt_path={run}", *data_of(folder), "count=130", "seeds=[0]", config_name="evaluate")
    )
    assert report["features"]["digest"] == report["classifier"] == trained["convolutional"]["sha256"]
    assert report["held_out_classifier"] == trained["residual"]["sha256"]
    assert tuple(report["mean"]["class_histogram"]) == CLASSES
    assert tuple(report["mean"]["class_accuracies"]) == CLASSES
    assert report["real_images"]["class_accuracy"] == trained["residual"]["test_accuracy"]
    assert "no classifier was trained on these images" not in caplog.text


def test_a_damaged_classifier_is_named(folder: Path, trained: Descriptions) -> None:
    (path,) = (folder / "cache" / "classifiers").glob("*_convolutional.safetensors")
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    try:
        with pytest.raises(WeightsError) as caught:
            find_own(module_of(folder))
    finally:
        path.write_bytes(content)
    assert str(caught.value).startswith(f"the classifier {path} in the data cache is damaged; remove it, or ")


def test_a_description_with_a_number_for_a_text_is_damage(folder: Path, trained: Descriptions) -> None:
    (path,) = (folder / "cache" / "classifiers").glob("*_convolutional.json")
    content = path.read_text()
    path.write_text(json.dumps(json.loads(content) | {"sha256": 5}))
    try:
        with pytest.raises(WeightsError, match="is damaged; remove it"):
            find_own(module_of(folder))
    finally:
        path.write_text(content)


def killed_at(step: int, action: Callable[[], None]) -> bool:
    """Do something in another process that is killed before it renames so often; return whether it was."""
    child = os.fork()
    if child == 0:
        steps = iter(range(step))
        for name in ("rename", "replace"):
            renaming = getattr(os, name)

            def rename(*places: Any, renaming: Callable[..., None] = renaming) -> None:
                renaming(*places) if next(steps, None) is not None else os._exit(1)

            setattr(os, name, rename)
        action()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 1


def test_a_kill_while_one_is_replaced_leaves_one_of_both(folder: Path, trained: Descriptions) -> None:
    (path,) = (folder / "cache" / "classifiers").glob("*_convolutional.safetensors")
    old = {name: name.read_bytes() for name in (path, path.with_suffix(".json"))}
    network = load_classifier(path)
    network.head.bias.add_(1)
    weights = encode_weights(network)
    description = json.loads(old[path.with_suffix(".json")]) | {"sha256": hashlib.sha256(weights).hexdigest()}
    found, step = [], 0
    while killed_at(step, lambda: keep(path, weights, description)):
        own = find_own(module_of(folder))
        assert own is not None
        found.append(own.digest)
        step += 1
    assert step == 3  # all together, then one by one
    assert found == [trained["convolutional"]["sha256"], *[description["sha256"]] * 2]
    for name, content in old.items():
        name.write_bytes(content)


def test_a_path_that_is_in_no_run_is_refused(
    compose_cfg: Compose, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    for path, problem in (
        ("outputs/rum", r"does not exist; did you mean outputs/run\?, or the images with data=\.\.\."),
        ("pictures", r"belongs to no run with settings; give the folder of a run, or the images"),
    ):
        with pytest.raises(ConfigError, match=rf"ckpt_path={path} {problem}"):
            train_classifier(compose_cfg(f"ckpt_path={path}", config_name="train_classifier"))


def test_the_advice_names_the_run(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    command = "python -m dcgan_lightning.train_classifier"
    assert how_to_train(str(folder / "outputs" / "run")) == f"train one with {command} ckpt_path=outputs/run"
    assert how_to_train("/else where") == f"train one with {command} \"ckpt_path='/else where'\""
    assert how_to_train(None, "seed=1") == f"train one with {command} ckpt_path=outputs/... seed=1"


def test_other_data_sets_have_none() -> None:
    data = SyntheticDataModule(count=20)
    assert find_own(data) is None
    assert len(class_names_of(data, torch.tensor([0, 9]))) == 10
    assert class_names_of(data, torch.tensor([0, 10]))[-1] == "10"


def test_a_cache_that_cannot_be_written_is_named(folder: Path, trained: Descriptions, tmp_path: Path) -> None:
    from dcgan_lightning.evaluation.own_classifiers import keep

    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="cannot be written"):
        keep(tmp_path / "file" / "x.safetensors", b"", trained["residual"])


@pytest.mark.parametrize(("size", "weights"), [(32, 4), (48, 6), (64, 6), (96, 8), (128, 8)])
def test_any_size_of_images(size: int, weights: int) -> None:
    from dcgan_lightning.evaluation.fashion_mnist.classifier import ImageClassifier

    for architecture, features in (("convolutional", 128), ("residual", 96)):
        network = ImageClassifier(architecture=architecture, shape=(3, size, size), classes=5).eval()
        images = torch.zeros(1, 3, size, size)
        assert network(images).shape == (1, 5)
        assert network.features(images).shape == (1, features)
    network = ImageClassifier(shape=(3, size, size))
    assert sum(isinstance(layer, torch.nn.Conv2d) for layer in network.trunk) == weights // 2


def test_the_shipped_description_needs_no_shape() -> None:
    description = json.loads(
        (
            Path(load_classifier.__code__.co_filename).parent / "weights/fashion_mnist_classifier.json"
        ).read_text()
    )
    assert "shape" not in description
    assert load_classifier().head.out_features == 10
    assert FashionMNISTDataModule().fingerprint == {}  # so that it has no classifiers of its own
