import random
from collections.abc import Iterator

import pytest
import torch
from classifier_stand_in import BrightnessClassifier, flat_images
from torchvision.datasets import FashionMNIST

from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.evaluation.fashion_mnist.garments import (
    Garments,
    classify,
    clearest_of_each_class,
    first_of_class,
    is_hopeless,
    nearest,
)


def classified(*blocks: tuple[int, ...], first: int = 0) -> Iterator[Garments]:
    return classify((flat_images(*block) for block in blocks), BrightnessClassifier(), first)


def test_the_names_are_those_of_the_data_set_in_its_order() -> None:
    assert [name.replace("_", " ") for name in CLASS_NAMES] == [
        name.lower().removesuffix("/top").replace("-", " ") for name in FashionMNIST.classes
    ]


def test_classes_numbers_and_confidences() -> None:
    one, two = classified((0, 13, 255), (140,), first=7)
    assert one.classes.tolist() == [0, 0, 9]
    assert one.numbers.tolist() == [7, 8, 9]
    assert two.numbers.tolist() == [10]
    assert two.classes.tolist() == [5]
    logits = -4 * (torch.tensor(13 / 127.5 * 5 - 0.5) - torch.arange(10)).square()
    assert one.confidences[1] == pytest.approx(float(logits.softmax(0)[0]), abs=1e-5)


def test_the_first_of_a_class_in_their_order() -> None:
    found = first_of_class(classified((0, 255, 250), (1, 254), (255, 255), first=100), wanted=9, count=3)
    assert found.numbers.tolist() == [101, 102, 104]
    assert found.images[:, 0, 0, 0].tolist() == [255, 250, 254]
    assert len(found.confidences) == len(found.classes) == 3


def test_no_more_is_asked_for_than_it_takes() -> None:
    pieces = classified((255, 0), (255, 0), (255, 0))
    assert len(first_of_class(pieces, wanted=9, count=2)) == 2
    assert next(pieces).numbers.tolist() == [4, 5]


def test_fewer_are_found_if_there_are_fewer() -> None:
    assert first_of_class(classified((255, 0), (0, 0)), wanted=9, count=3).numbers.tolist() == [0]
    assert len(first_of_class(classified((255, 0)), wanted=5, count=3)) == 0


def search(share: float, count: int, limit: int, chance: random.Random) -> tuple[bool, int]:
    """Return whether a search for a class of a share was given up, and how many images it looked through."""
    looked = found = 0
    while looked < limit and found < count:
        looked += (block := min(256, limit - looked))
        found += sum(chance.random() < share for _ in range(block))
        if found < count and looked < limit and is_hopeless(looked, found, count, limit):
            return True, looked
    return False, looked


@pytest.mark.parametrize(("count", "limit"), [(1, 51_200), (10, 51_200), (100, 51_200), (10, 5_120)])
def test_a_search_is_given_up_where_it_is_hopeless_and_seldom_elsewhere(count: int, limit: int) -> None:
    chance = random.Random(0)
    assert search(0.0, count, limit, chance) == (
        True,
        max(-(-limit // (count + 1) // 256) * 256, limit // 10),
    )
    often = [search(5 * count / limit, count, limit, chance)[0] for _ in range(60)]
    assert sum(often) <= (6 if count == 1 else 1)
    rare = [search(0.1 * count / limit, count, limit, chance) for _ in range(10)]
    assert sum(given_up for given_up, _ in rare) >= 8
    assert sum(looked for _, looked in rare) < 10 * 0.8 * limit


def test_the_search_says_how_far_it_is_and_stops() -> None:
    said = []
    blocks = classified(*[(0, 0, 0, 0)] * 10)
    found = first_of_class(blocks, 9, 3, limit=40, report=lambda looked, hits: said.append((looked, hits)))
    assert len(found) == 0
    assert said == [(4, 0), (8, 0), (12, 0)]  # 3 * (12 + 2) / 1 > 40 - 12
    assert len(list(blocks)) == 7


def test_the_clearest_of_each_class() -> None:
    groups = clearest_of_each_class(classified((13, 25, 255), (12, 13, 140)), count=2)
    assert [len(group) for group in groups] == [2, 0, 0, 0, 0, 1, 0, 0, 0, 1]
    assert groups[0].images[:, 0, 0, 0].tolist() == [12, 13]  # 0 and 25 lie at the ends of the class
    assert (groups[0].confidences.diff() <= 0).all()
    assert groups[5].numbers.tolist() == [5]


def test_equals_keep_their_order() -> None:
    (group, *_) = clearest_of_each_class(classified((13, 13), (13,)), count=2)
    assert group.numbers.tolist() == [0, 1]


def test_nearest_rows_in_order() -> None:
    rows = torch.tensor([[0.0, 0], [10, 0], [0, 3], [5, 5]])
    distances, indices = nearest(torch.tensor([[0.0, 1], [9, 0]]), rows, 3)
    assert indices.tolist() == [[0, 2, 3], [1, 3, 0]]
    assert torch.allclose(distances[0], torch.tensor([1.0, 2.0, 41.0**0.5]))


def test_nearest_of_many_queries_equals_each_alone() -> None:
    generator = torch.Generator().manual_seed(0)
    queries, rows = (torch.randn(count, 8, generator=generator) for count in (250, 300))
    _, indices = nearest(queries, rows, 5)
    expected = (queries[:, None] - rows).square().sum(dim=2).argsort(dim=1)[:, :5]
    assert torch.equal(indices, expected)
