import pytest
import torch

from dcgan_lightning.core.errors import ScoreError
from dcgan_lightning.evaluation.newness import Nearest, closest, describe_copies, newness


def test_newness_by_hand() -> None:
    unseen = torch.arange(1.0, 102.0).double()  # 1 to 101: median 51, first percentile 2
    assert newness(unseen, unseen) == (1, 1 / 101)
    ratio, copies = newness(torch.tensor([0.0, 1.9, 2.0, 25.5, 30.0]).double(), unseen)
    assert ratio == pytest.approx(2 / 51)
    assert copies == pytest.approx(2 / 5)


def test_closest_are_in_order() -> None:
    nearest = Nearest(torch.tensor([3.0, 1.0, 2.0, 1.0]), torch.tensor([7, 8, 9, 10]))
    assert closest(nearest, 3) == [(1, 8, 1.0), (3, 10, 1.0), (2, 9, 2.0)]


def test_an_image_twice_in_the_data_set_hides_no_copies() -> None:
    """Two of a hundred unseen images are training images too, so the percentile is 0."""
    unseen = torch.cat([torch.zeros(2), torch.arange(1.0, 99.0)]).double()
    ratio, copies = newness(torch.zeros(5).double(), unseen)
    assert (ratio, copies) == (0.0, 1.0)
    assert newness(torch.full((4,), 0.5).double(), unseen).copies == 0.0


def test_a_reference_of_training_images_is_refused() -> None:
    with pytest.raises(ScoreError, match="newness needs unseen images, but half of the reference images"):
        newness(torch.ones(3), torch.tensor([0.0, 0.0, 1.0]))


def test_copies_are_described_from_a_share_on() -> None:
    assert describe_copies({"feature_copies": 0.04, "pixel_copies": 0.01}) is None
    assert describe_copies({}) is None
    text = describe_copies({"feature_copies": 0.06, "pixel_copies": 0.31})
    assert text is not None
    assert "31 % of its images are near-copies by pixels, where unseen real images have 1 %" in text
