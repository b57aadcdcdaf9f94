"""Advice on batch sizes is accepted when it is followed."""

import random
import re

import pytest

from dcgan_lightning.config.data import batch_size_problem, iterations_of_epoch, limit_problem


def followed(problem: str) -> list[int]:
    """Return the batch sizes that a refusal advises."""
    advice = re.fullmatch(r".*; use (\d+)(?: or (\d+))?", problem)
    return [int(size) for size in advice.groups() if size] if advice else []


def test_advised_batch_sizes_are_good_and_the_nearest() -> None:
    numbers = random.Random(0)
    cases = [(4, 61, 1), (41, 40, 1), (2, 3, 1), (256, 60_000, 5), (2, 61, 2)]
    for _ in range(400):
        count = numbers.randint(2, 300)
        cases.append((numbers.randint(2, count + 20), count, numbers.choice([1, 1, 2, 3, 4, 8])))
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
    assert batch_size_problem(2, 61, 2) == (
        "data.batch_size=2 leaves a last batch of 1 image out of 61, and no other batch size would do; "
        "change trainer.devices or the number of images"
    )


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


@pytest.mark.parametrize("limit", [0.01, 0.19])
def test_a_share_of_no_iteration_is_refused(limit: float) -> None:
    problem = limit_problem(144, 32, limit)
    assert problem == (
        f"trainer.limit_train_batches={limit} leaves none of the 5 iterations of an epoch; use a number of "
        "iterations, as trainer.limit_train_batches=1, or a larger share"
    )
    assert limit_problem(144, 32, 1) is None
