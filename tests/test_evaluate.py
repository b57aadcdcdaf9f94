import copy
import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from conftest import Compose, files_below
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.core import heartbeat
from dcgan_lightning.core.errors import CheckpointError, ConfigError, DCGANError, ScoreError
from dcgan_lightning.data import FashionMNISTDataModule, SyntheticDataModule
from dcgan_lightning.evaluate import check_anchors, evaluate, real_images
from dcgan_lightning.evaluation import CLASS_NAMES, METRICS, load_features, score_images
from dcgan_lightning.evaluation.fashion_mnist import anchors, recompute
from dcgan_lightning.evaluation.fashion_mnist.classifier import HELD_OUT_FILE, WEIGHTS_FILE, describe_weights
from dcgan_lightning.evaluation.report import SCORES
from dcgan_lightning.generate import generate
from dcgan_lightning.inference import selection
from dcgan_lightning.inference.pretrained import load_generator
from dcgan_lightning.networks.sampling import sample_images
from dcgan_lightning.networks.sngan import SNGANGenerator
from dcgan_lightning.train import train

COUNT = 140


def train_smoke(folder: Path, *overrides: str) -> Path:
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        cfg = compose("train", ["experiment=smoke", "callbacks=[checkpoint]", "logger=none", *overrides])
    cfg.paths.output_dir = str(folder)
    train(cfg)
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_smoke(tmp_path_factory.mktemp("runs") / "first")


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "first"))


@pytest.fixture
def cfg_for(compose_cfg: Compose, run: Path):
    def cfg_with(*overrides: str) -> DictConfig:
        data = ["data=synthetic", "data.count=200"]
        return compose_cfg(f"ckpt_path={run}", *data, f"count={COUNT}", *overrides, config_name="evaluate")

    return cfg_with


def test_the_report_holds_every_score_and_what_it_depends_on(cfg_for, run: Path) -> None:
    before = files_below(run)
    report = evaluate(cfg_for("seeds=[0,3]"))
    assert files_below(run) - before == {"scores/last.json", "scores/last_nearest.png"}
    assert json.loads((run / "scores" / "last.json").read_text()) == report
    assert report["checkpoint"] == str(run / "checkpoints" / "last.ckpt")
    assert (report["epochs"], report["averaged"]) == (2, False)
    assert (report["count"], report["seeds"]) == (COUNT, [0, 3])
    assert report["features"]["name"] == "classifier"
    assert report["features"]["digest"] == report["classifier"]
    assert report["anchors"].keys() == {"real", "noise", "blur", "mean_image"}  # made of the data itself
    assert report["anchor_count"] == COUNT
    assert report["anchors"]["real"]["frechet_distance"] < report["mean"]["frechet_distance"]
    without_classes = {"class_accuracy", "class_frechet", "classification_accuracy_score"}
    assert report["mean"].keys() == {*SCORES, "class_histogram"} - without_classes
    assert report["real_images"] == {}
    first, second = (seed["frechet_distance"] for seed in report["runs"])
    assert first != second
    assert report["mean"]["frechet_distance"] == pytest.approx((first + second) / 2)
    assert report["spread"]["frechet_distance"] == pytest.approx(abs(first - second) / 2**0.5)


def test_three_lines_of_python_give_the_same(cfg_for, run: Path) -> None:
    from dcgan_lightning.data import SyntheticDataModule

    real = real_images(SyntheticDataModule(count=200))
    scores = score_images(sample_images(load_generator(run), COUNT, seed=3), real)
    assert evaluate(cfg_for("seeds=[3]"))["runs"] == [scores]


def test_scores_can_be_chosen(cfg_for, run: Path) -> None:
    report = evaluate(cfg_for("metrics=[classes]", "seeds=[0]", "features=pixels", "averaged=false"))
    assert report["mean"].keys() == {"class_divergence", "confidence", "class_histogram"}
    assert set(report["mean"]["class_histogram"]) == set(CLASS_NAMES)
    assert report["spread"]["confidence"] is None
    assert {path.name for path in (run / "scores").iterdir()} == {"last_not_averaged_pixels.json"}


def test_scores_without_newness_leave_no_picture_of_older_ones(cfg_for, run: Path) -> None:
    evaluate(cfg_for("seeds=[0]"))
    assert (run / "scores" / "last_nearest.png").exists()
    evaluate(cfg_for("seeds=[0]", "metrics=[classes]"))
    assert {path.name for path in (run / "scores").iterdir()} == {"last.json"}


def test_a_checkpoint_outside_a_run_is_scored_into_the_output_folder(
    cfg_for, run: Path, tmp_path: Path
) -> None:
    bare = tmp_path / "bare.ckpt"
    shutil.move(run / "checkpoints" / "epoch_0001.ckpt", bare)
    report = evaluate(cfg_for(f"ckpt_path={bare}", "metrics=[manifold]", "seeds=[0]"))
    assert report["epochs"] == 1
    assert files_below(tmp_path / "run") == {"bare.json"}


def test_the_table_shows_scores_beside_anchors(
    cfg_for, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from dcgan_lightning import evaluation

    known = {"real": dict.fromkeys(SCORES, 0.125)}
    monkeypatch.setattr(evaluation, "shipped_anchors", lambda network: known)
    monkeypatch.setattr("dcgan_lightning.evaluate._is_verified", lambda datamodule: True)
    with caplog.at_level("INFO"):
        report = evaluate(cfg_for("seeds=[0]", "metrics=[frechet,classes]"))
    assert report["anchors"] == known
    (line,) = (line for line in caplog.text.splitlines() if line.startswith("frechet_distance"))
    assert line.split()[-2:] == [f"{report['mean']['frechet_distance']:.4g}", "0.1250"]
    assert f"{COUNT} images for each of the sampling seeds 0" in caplog.text
    assert f"seen through classifier {report['classifier'][:12]}" in caplog.text
    assert "the floor" in caplog.text


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        (["ckpt_path=null"], ConfigError, "ckpt_path is missing"),
        (["ckpt_path=."], CheckpointError, r"ckpt_path=\. holds no checkpoint"),
        (["count=128"], ScoreError, "128 generated images are too few: .* needs at least 129 images"),
        (["features=pixels"], ScoreError, "140 generated images are too few: .* needs at least 785 images"),
        (
            ["data.count=100", "metrics=[frechet]"],
            ScoreError,
            "features=classifier needs at least 129 held-out real images, and there are 100",
        ),
        (
            ["data.channels=3"],
            ScoreError,
            r"images of 3 x 28 x 28 .* makes images of 1 x 28 x 28; name the images that it was trained on",
        ),
        (["averaged=true"], CheckpointError, "averaged=true, but .* was trained without"),
        (["features=inception"], ScoreError, "features=inception needs weights=FILE"),
        (["device=cuda"], ConfigError, "device=cuda: PyTorch finds no CUDA device"),
        (["train_on_generated=true"], ScoreError, "train_on_generated=true needs a generator with classes"),
        (
            ["metrics=[class_accuracy]"],
            ScoreError,
            r"metrics=\[class_accuracy\]: choose other scores; .* trained without classes",
        ),
        (["anchors=true"], ConfigError, "anchors=true needs Fashion-MNIST itself"),
    ],
)
def test_what_cannot_be_scored_leaves_nothing(
    cfg_for,
    run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    overrides: list[str],
    error: type[DCGANError],
    message: str,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    before = files_below(tmp_path)
    cfg = cfg_for("seeds=[0]", *overrides)
    with pytest.raises(error, match=message) as caught:
        check_anchors(cfg) if cfg.anchors else evaluate(cfg)
    assert "\n" not in str(caught.value)
    assert files_below(tmp_path) == before


def test_a_line_says_which_scores_need_classes(cfg_for, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        evaluate(cfg_for("seeds=[0]", "metrics=[classes,class_accuracy,class_frechet]"))
    line = "class_accuracy and class_frechet left out: the generator was trained without classes"
    assert [record.message for record in caplog.records].count(line) == 1
    assert "\nclass_accuracy" not in caplog.text


@pytest.fixture
def conditional_cfg(compose_cfg: Compose, conditional_run: Path, tmp_path: Path):
    run = shutil.copytree(conditional_run, tmp_path / "conditional")

    def cfg_with(*overrides: str) -> DictConfig:
        data = ["data=synthetic", "data.count=400", "count=300", "seeds=[0]"]
        return compose_cfg(f"ckpt_path={run}", *data, *overrides, config_name="evaluate")

    return cfg_with


def test_a_generator_with_classes_has_scores_of_them(
    conditional_cfg, caplog: pytest.LogCaptureFixture
) -> None:
    from dcgan_lightning.data import SyntheticDataModule

    with caplog.at_level("INFO"):
        report = evaluate(
            conditional_cfg("metrics=[class_accuracy,class_frechet]", "train_on_generated=true")
        )
    assert report["mean"].keys() == {"class_frechet", "classification_accuracy_score"}
    real = real_images(SyntheticDataModule(count=400))
    labels = torch.arange(300) % 2
    images = sample_images(load_generator(report["checkpoint"]), 300)
    scores = score_images(images, real, metrics=("class_frechet",), labels=labels)
    assert report["mean"]["class_frechet"] == scores["class_frechet"]
    assert report["real_images"]["class_frechet"] < report["mean"]["class_frechet"] / 3
    # The stand-in for real images is easy to learn; two epochs of a tiny generator are not enough for it.
    assert report["real_images"]["classification_accuracy_score"] > 0.85
    assert report["mean"]["classification_accuracy_score"] < 0.85
    assert (
        "class_accuracy left out: the shipped held-out classifier is for the classes of Fash" in caplog.text
    )
    assert "trained on as many training images: the ceiling" in caplog.text


def test_class_accuracy_stands_beside_that_of_the_test_images(
    conditional_cfg, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    from dcgan_lightning import evaluation

    known = {"real": {"class_accuracy": 0.99, "recall": 0.5}, "blur": {"class_accuracy": 0.25}}
    monkeypatch.setattr(evaluation, "shipped_anchors", lambda network: known)
    monkeypatch.setattr("dcgan_lightning.evaluate._is_verified", lambda datamodule: True)
    with caplog.at_level("INFO"):
        report = evaluate(conditional_cfg("metrics=[class_accuracy]"))
    mean, of_real = report["mean"], report["real_images"]
    # The classifier has seen the anchor's training images: unseen ones take their place.
    assert report["anchors"] == {"real": {"recall": 0.5} | of_real, "blur": {"class_accuracy": 0.25}}
    assert mean["class_accuracies"].keys() == of_real["class_accuracies"].keys() == {"t_shirt", "trouser"}
    assert mean["class_accuracy"] == pytest.approx(sum(mean["class_accuracies"].values()) / 2)
    (line,) = (line for line in caplog.text.splitlines() if line.endswith("of the test images: the ceiling"))
    assert line.split()[:2] == ["class_accuracy", f"{of_real['class_accuracy']:.4f}"]


def test_a_model_of_colour_images_is_compared_with_colour_images(
    compose_cfg: Compose, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    run = train_smoke(tmp_path / "colour", "data.channels=3", "trainer.max_epochs=1")
    overrides = (f"ckpt_path={run}", "data=synthetic", "data.count=140", "count=140", "seeds=[0]")
    with pytest.raises(
        ScoreError, match=r"images of 1 x 28 x 28 .* makes images of 3 x 28 x 28; name the images"
    ):
        evaluate(compose_cfg(*overrides, config_name="evaluate"))
    caplog.set_level(logging.INFO)
    report = evaluate(compose_cfg(*overrides, "data.channels=3", config_name="evaluate"))
    assert report["features"]["name"] == "random"
    assert "so their features are weak (features=random)" in caplog.text
    assert "classes left out: the shipped classifier is for grey images of 28 x 28 pixels" in caplog.text
    assert {"frechet_distance", "recall", "pixel_newness"} < report["mean"].keys()
    assert report["anchors"]["real"]["frechet_distance"] < report["mean"]["frechet_distance"]


def test_a_generator_that_copies_is_warned_of(
    cfg_for, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    evaluate(cfg_for("seeds=[0]", "metrics=[newness]"))
    assert "repeats training images" not in caplog.text
    train = SyntheticDataModule(count=200).load_images()
    monkeypatch.setattr(selection, "draw_blocks", lambda *_: [train[:COUNT]])
    evaluate(cfg_for("seeds=[0]", "metrics=[newness]"))
    assert "the generator repeats training images: 100 % of its images are near-copies by" in caplog.text


@pytest.mark.real_data
def test_anchors_are_compared_with_the_shipped_ones(
    compose_cfg: Compose,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    shipped = anchors.shipped_anchors(load_features())
    assert shipped is not None
    monkeypatch.setattr(recompute, "compute_anchors", lambda real, network, report: shipped)
    with caplog.at_level("INFO"):
        content = check_anchors(compose_cfg(config_name="evaluate"))
    assert json.loads((tmp_path / "run" / "anchors.json").read_text()) == content
    assert content["features"]["classifier"]["anchors"] == shipped
    lines = {record.message for record in caplog.records}
    for name, path in (("classifier", WEIGHTS_FILE), ("held-out classifier", HELD_OUT_FILE)):
        accuracy = f"{100 * describe_weights(path)['test_accuracy']:.2f} %"
        assert f"{name}: test accuracy {accuracy} (shipped: {accuracy})" in lines
    assert "all agree with the shipped ones" in caplog.text

    other = copy.deepcopy(shipped)
    other["blur"]["frechet_distance"] *= 1.1
    monkeypatch.setattr(recompute, "compute_anchors", lambda real, network, report: other)
    with pytest.raises(ScoreError, match="frechet_distance of the anchor blur is"):
        check_anchors(compose_cfg(config_name="evaluate"))


def test_all_scores_are_offered(compose_cfg: Compose) -> None:
    assert compose_cfg(config_name="evaluate").metrics == list(METRICS)


def test_nothing_is_silent_for_long(
    cfg_for, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "LINE_SECONDS", 0.001)
    caplog.set_level("INFO")
    evaluate(cfg_for("seeds=[3]"))
    lines = {record.message for record in caplog.records if record.name == "dcgan_lightning.core.heartbeat"}
    stages = {line.rpartition(", ")[2] for line in lines if line.startswith("sampling seed 3: ")}
    assert stages >= {"kernel", "newness"}


@pytest.mark.parametrize("command", [evaluate, generate])
def test_a_copied_export_fetches_no_images_of_another_shape(
    compose_cfg: Compose,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    command: Callable[[DictConfig], object],
) -> None:
    def no_fetch(*arguments: object) -> None:
        raise AssertionError("fetched for nothing")

    monkeypatch.setattr(FashionMNISTDataModule, "prepare_data", no_fetch)
    generator = SNGANGenerator(latent_dim=4, channels=(4, 2), image_channels=3, image_size=32)
    generator.save_pretrained(tmp_path / "copy")
    settings = [f"ckpt_path={tmp_path / 'copy'}", *["mode=neighbours"] * (command is generate)]
    with pytest.raises(DCGANError, match=r"Fashion-MNIST: .* 1 x 28 x 28 .* makes images of 3 x 32 x 32; "):
        command(compose_cfg(*settings, config_name=command.__name__))
