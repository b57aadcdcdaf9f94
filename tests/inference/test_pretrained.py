import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from dcgan_lightning.core.errors import CheckpointError
from dcgan_lightning.evaluation.fashion_mnist.classifier import load_classifier
from dcgan_lightning.inference.pretrained import load_generator, load_trained, warn_of_other_images
from dcgan_lightning.inference.trained import checkpoint_name, find_trained, run_folder
from dcgan_lightning.networks.sampling import sample_images


def altered(source: Path, target: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Write a copy of a checkpoint with something changed."""
    checkpoint = torch.load(source, weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, target)
    return target


def forget_average(checkpoint: dict[str, Any]) -> None:
    del checkpoint["callbacks"]["AveragedGenerator"]


@pytest.fixture
def last(trained_run: Path) -> Path:
    return trained_run / "checkpoints" / "last.ckpt"


def test_finds_the_furthest_checkpoint_of_a_run(trained_run: Path, last: Path) -> None:
    assert find_trained(trained_run) == last
    assert find_trained(str(trained_run / "checkpoints")) == last
    first = trained_run / "checkpoints" / "epoch_0001.ckpt"
    assert find_trained(first) == first


def test_a_damaged_checkpoint_is_passed_over_in_a_folder_and_refused_as_a_file(
    trained_run: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "checkpoints"
    shutil.copytree(trained_run / "checkpoints", folder)
    (folder / "last.ckpt").write_bytes(b"damaged")
    assert find_trained(tmp_path) == folder / "epoch_0002.ckpt"
    assert "skipped: " in caplog.text
    assert "last.ckpt cannot be read" in caplog.text
    with pytest.raises(CheckpointError, match=r"last\.ckpt cannot be read"):
        load_trained(folder / "last.ckpt")


def test_loading_draws_no_random_numbers(last: Path) -> None:
    before = torch.get_rng_state()
    load_trained(last)
    load_classifier()
    assert torch.equal(torch.get_rng_state(), before)


def test_the_run_of_a_checkpoint(last: Path, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoints" / "last.ckpt"
    checkpoint.parent.mkdir()
    shutil.copy(last, checkpoint)
    assert run_folder(checkpoint) is None
    (tmp_path / "config.yaml").touch()
    assert run_folder(checkpoint) == tmp_path
    assert run_folder(tmp_path / "last.ckpt") is None


@pytest.mark.parametrize(
    ("known", "now", "said"),
    [
        ({"data.verify": True, "data.seed": 0}, {"verify": True, "seed": 5}, None),
        ({"data.verify": False}, {"verify": True}, "data.verify=False (now True)"),
        ({"data.count": 64, "data.seed": 0}, {"count": 64, "seed": 0}, None),
        (
            {"data.verify": True, "data.count": 64, "data.seed": 0},
            {"verify": True, "count": None, "seed": 1},
            "data.count=64 (now None)",
        ),
        ({"data.count": 64, "data.seed": 0}, {"count": 64, "seed": 1}, "data.seed=0 (now 1)"),
        (
            {"data.count": 64, "data.seed": 0},
            {"verify": True, "seed": 0},
            "data.verify=None (now True), data.count=64 (now None)",
        ),
    ],
)
def test_other_images_are_said(
    last: Path, caplog: pytest.LogCaptureFixture, known: dict, now: dict, said: str | None
) -> None:
    warn_of_other_images(dataclasses.replace(load_trained(last), fingerprint=known), now)
    assert bool(caplog.text) == bool(said)
    assert f"trained on other images than it is compared with: {said};" in caplog.text or said is None


def test_the_weights_of_the_run(last: Path) -> None:
    trained = load_trained(last, averaged=False)
    saved = torch.load(last, weights_only=True)["state_dict"]
    for name, value in trained.generator.state_dict().items():
        assert torch.equal(value, saved[f"generator.{name}"])
    assert (trained.epochs, trained.iterations, trained.averaged) == (2, 0, False)
    assert trained.settings["latent_dim"] == trained.generator.latent_dim == 16
    assert trained.path == last
    assert not trained.generator.training
    assert not any(parameter.requires_grad for parameter in trained.generator.parameters())


def test_the_average_of_the_run(last: Path) -> None:
    trained = load_trained(last, averaged=True)
    saved = torch.load(last, weights_only=True)["callbacks"]["AveragedGenerator"]["generator"]
    for name, value in trained.generator.state_dict().items():
        assert torch.equal(value, saved[name])
    assert trained.averaged
    averaged, latest = (sample_images(load_generator(last, choice), 4).float() for choice in (True, False))
    assert not torch.equal(averaged, latest)


def test_without_a_choice_it_is_the_average_if_there_is_one(last: Path, tmp_path: Path) -> None:
    assert load_trained(last).averaged
    without = altered(last, tmp_path / "without.ckpt", forget_average)
    trained = load_trained(without)
    assert not trained.averaged
    assert torch.equal(
        sample_images(trained.generator, 4), sample_images(load_generator(last, averaged=False), 4)
    )


def test_an_average_that_is_not_there_is_refused(last: Path, tmp_path: Path) -> None:
    without = altered(last, tmp_path / "without.ckpt", forget_average)
    with pytest.raises(
        CheckpointError, match=r"averaged=true, but .*without\.ckpt was trained without .*use averaged=false"
    ):
        load_trained(without, averaged=True)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: None, "ckpt_path=.* does not exist; give a checkpoint file or a run's folder"),
        (lambda path: path.mkdir(), "ckpt_path=.* holds no checkpoint; give a run's folder or a checkpoint"),
        (
            lambda path: (path.mkdir(), (path / "a.ckpt").write_bytes(b"x")),
            r"no valid checkpoint in .*a\.ckpt cannot be read",
        ),
    ],
    ids=["nothing", "an empty folder", "only a damaged one"],
)
def test_a_path_that_leads_to_none_is_refused(
    tmp_path: Path, make: Callable[[Path], object], message: str
) -> None:
    make(tmp_path / "run")
    with pytest.raises(CheckpointError, match=message) as caught:
        find_trained(tmp_path / "run")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content.pop("hyper_parameters"), "'image_channels'"),
        (lambda content: content["hyper_parameters"].update(latent_dim=17), "size mismatch"),
        (lambda content: content["hyper_parameters"].update(generator_channels=[8, 8]), "a list of 3"),
        (lambda content: content["hyper_parameters"].update(latent_dim="many"), ""),
    ],
    ids=["no settings", "another size", "two layers", "a word"],
)
def test_what_is_not_a_generator_is_refused(
    last: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    path = altered(last, tmp_path / "other.ckpt", change)
    with pytest.raises(
        CheckpointError, match=rf"other\.ckpt does not hold a generator of this project: .*{message}"
    ) as caught:
        load_trained(path, averaged=False)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/a/mine.ckpt", "mine"),
        ("/a/last.ckpt", "a_last"),
        ("/b/checkpoints/last.ckpt", "b_last"),
        ("/c d/epoch_0005.ckpt", "c d_epoch_0005"),
        ("/best.ckpt", "best"),
    ],
)
def test_what_is_made_of_a_checkpoint_outside_a_run_is_named_after_it(path: str, name: str) -> None:
    assert checkpoint_name(Path(path)) == name
