import pytest
import torch

from dcgan_lightning.evaluation.newness import Nearest, closest, newness


def test_newness_by_hand() -> None:
    unseen = torch.arange(1.0, 102.0).double()  # 1 to 101: median 51, first percentile 2
    assert newness(unseen, unseen) == (1, 1 / 101)
    ratio, copies = newness(torch.tensor([0.0, 1.9, 2.0, 25.5, 30.0]).double(), unseen)
    assert ratio == pytest.approx(2 / 51)
    assert copies == pytest.approx(2 / 5)


def test_closest_are_in_order() -> None:
    nearest = Nearest(torch.tensor([3.0, 1.0, 2.0, 1.0]), torch.tensor([7, 8, 9, 10]))
    assert closest(nearest, 3) == [(1, 8, 1.0), (3, 10, 1.0), (2, 9, 2.0)]
