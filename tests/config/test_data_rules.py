"""Advice on batch sizes is accepted when it is followed."""

import random
import re
from pathlib import Path

import pytest
import yaml

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.config.data import (
    batch_size_problem,
    data_option,
    data_title,
    iterations_of_epoch,
    limit_problem,
    other_shape,
)


def followed(problem: str) -> list[int]:
    """Return the batch sizes that a refusal advises."""
    advice = re.fullmatch(r".*; use data.batch_size=(\d+)(?: or data.batch_size=(\d+))?", problem)
    return [int(size) for size in advice.groups() if size] if advice else []


def test_advised_batch_sizes_are_good_and_the_nearest() -> None:
    numbers = random.Random(0)
    cases = [(4, 61, 1), (41, 40, 1), (2, 3, 1), (256, 60_000, 5), (2, 61, 2)]
    for _ in range(400):
        count = numbers.randint(2, 300)
        cases.append((numbers.randint(2, 2 * count), count, numbers.choice([1, 1, 2, 3, 4, 8])))
    refused = 0
    for size, count, processes in cases:
        if (problem := batch_size_problem(size, count, processes)) is None:
            continue
        refused += 1
        good = [n for n in range(2, count + 1) if batch_size_problem(n, count, processes) is None]
        nearest = {
            max((n for n in good if n < size), default=0),
            min((n for n in good if n > size), default=0),
        }
        assert {*followed(problem)} == nearest - {0}, problem
        assert followed(problem) or "no other batch size would do; change trainer.devices" in problem
    assert refused > 100


def test_no_advice_where_there_is_none() -> None:
    assert batch_size_problem(2, 3, 4) == (
        "data.batch_size=2 cannot be shared equally by 4 processes, and no other batch size would do; "
        "change trainer.devices or the number of images"
    )


@pytest.mark.parametrize("count", range(2, 40))
def test_any_number_of_images_suits_several_processes(count: int) -> None:
    for processes in (2, 3, 4):
        for size in range(processes, count + 1, processes):
            assert batch_size_problem(size, count, processes) is None


@pytest.mark.parametrize(
    ("count", "size", "limit", "iterations"),
    [
        (144, 32, 1.0, 5),
        (144, 32, 0.5, 2),
        (144, 32, 0.2, 1),
        (144, 32, 3, 3),
        (144, 32, 99, 5),
        (60_000, 256, 1, 1),
    ],
)
def test_iterations_as_lightning_counts_them(count: int, size: int, limit: float, iterations: int) -> None:
    assert iterations_of_epoch(count, size, limit) == iterations
    assert limit_problem(count, size, limit) is None


def test_a_single_image_left_over_is_no_batch_of_its_own() -> None:
    assert iterations_of_epoch(65, 32, 1.0) == 2
    assert iterations_of_epoch(66, 32, 1.0) == 3
    assert iterations_of_epoch(3, 2, 1.0) == 1
    assert iterations_of_epoch(65, 32, 0.5) == 1
    assert batch_size_problem(32, 65) is None


def test_an_epoch_of_several_processes_is_without_the_images_left_over() -> None:
    assert iterations_of_epoch(65, 32, 1.0, processes=2) == 2
    assert iterations_of_epoch(66, 32, 1.0, processes=2) == 3


@pytest.mark.parametrize("limit", [0.01, 0.19])
def test_a_share_of_no_iteration_is_refused(limit: float) -> None:
    problem = limit_problem(144, 32, limit)
    assert problem == (
        f"trainer.limit_train_batches={limit} leaves none of the 5 iterations of an epoch; use a number of "
        "iterations, as trainer.limit_train_batches=1, or a larger share"
    )
    assert limit_problem(144, 32, 1) is None


OPTIONS = {path.stem: path for path in Path(CONF_DIR, "data").glob("*.yaml")}
TITLES = {
    "fashion_mnist": "Fashion-MNIST",
    "mnist": "MNIST",
    "kmnist": "Kuzushiji-MNIST",
    "emnist_letters": "EMNIST letters",
    "cifar10": "CIFAR-10",
    "svhn": "SVHN",
    "image_folder": "images in pictures",
    "image_domains": "images in pictures",
    "synthetic": "made-up shapes",
    "domains": "Fashion-MNIST: sneaker and ankle boot",
    "synthetic_domains": "made-up shapes: ellipse and rectangle",
}


@pytest.mark.parametrize("option", OPTIONS)
def test_all_images_have_a_name_that_readers_know(option: str) -> None:
    settings = yaml.safe_load(OPTIONS[option].read_text())
    class_name = settings["_target_"].rpartition(".")[2]
    known = class_name == "TorchvisionDataModule"  # the key data.name names these
    assert data_option(class_name) == (class_name if known else option)
    if option in ("image_folder", "image_domains"):
        settings["root"] = "pictures"
    assert data_title(settings) == TITLES[option]


@pytest.mark.parametrize(
    ("settings", "shapes"),
    [
        ({"verify": True}, [(1, 28, 28)]),
        ({"verify": False, "root": "idx"}, [(1, 28, 28)]),
        ({"name": "cifar10"}, [(3, 32, 32)]),
        ({"size": 64, "channels": 1}, [(1, 64, 64)]),
        ({"root": "x"}, [(1, 28, 28), (3, 64, 64)]),
    ],
)
def test_images_of_another_shape_are_known_before_they_are_read(
    settings: dict, shapes: list[tuple[int, int, int]]
) -> None:
    for shape in ((1, 28, 28), (3, 32, 32), (1, 64, 64), (3, 64, 64)):
        is_known = "verify" in settings or "name" in settings or "size" in settings
        assert (other_shape(settings, shape) is None) == (shape in shapes or not is_known)
    problem = other_shape(
        {"_target_": "dcgan_lightning.data.FashionMNISTDataModule", "verify": True}, (3, 32, 32)
    )
    assert problem == (
        "Fashion-MNIST: images of 1 x 28 x 28 (channels x height x width), and the network makes images of "
        "3 x 32 x 32; name the images that it was trained on with data=..."
    )


def test_other_images_are_named_by_their_folder_or_class() -> None:
    own = {"_target_": "dcgan_lightning.data.FashionMNISTDataModule", "verify": False, "root": "idx"}
    assert data_title(own) == "images in idx"
    assert data_title({"_target_": "dcgan_lightning.data.TilesDataModule"}) == "Tiles"
    assert data_title({}) == ""
