import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from dcgan_lightning.losses import PENALTIES
from dcgan_lightning.losses.penalties import squared_slopes

SLOPE = torch.tensor([0.5, -2.0, 1.0, 3.0], dtype=torch.float64).view(1, 1, 2, 2)
REAL = torch.arange(12, dtype=torch.float64).view(3, 1, 2, 2)
FAKE = -torch.arange(20, dtype=torch.float64).view(5, 1, 2, 2)


def linear(images: Tensor) -> Tensor:
    """Judge by a plane: its slope is the same everywhere, and the norm's square is 14.25."""
    return (images * SLOPE).flatten(1).sum(1)


def paraboloid(images: Tensor) -> Tensor:
    """Judge by half the squared distance from black: the slope is the image itself."""
    return 0.5 * images.square().flatten(1).sum(1)


def test_slopes() -> None:
    assert_close(squared_slopes(linear, REAL), torch.full((3,), 14.25, dtype=torch.float64))
    assert_close(squared_slopes(paraboloid, REAL), REAL.square().flatten(1).sum(1))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("r1", 0.5 * REAL.square().sum() / 3),
        ("r2", 0.5 * FAKE.square().sum() / 5),
        ("r1_and_r2", 0.5 * REAL.square().sum() / 3 + 0.5 * FAKE.square().sum() / 5),
    ],
)
def test_zero_centred_penalties(name: str, expected: Tensor) -> None:
    assert_close(PENALTIES[name](paraboloid, REAL, FAKE), expected)


def test_the_gradient_penalty_wants_a_slope_of_one() -> None:
    slope = 14.25**0.5
    assert PENALTIES["gradient_penalty"](linear, REAL, FAKE).item() == pytest.approx((slope - 1) ** 2)
    scaled = PENALTIES["gradient_penalty"](lambda images: linear(images) / slope, REAL, FAKE)
    assert scaled.item() == pytest.approx(0, abs=1e-12)


def test_the_gradient_penalty_looks_between_the_pairs() -> None:
    seen = []

    def judge(images: Tensor) -> Tensor:
        seen.append(images)
        return paraboloid(images)

    torch.manual_seed(0)
    PENALTIES["gradient_penalty"](judge, REAL, FAKE)
    shares = ((seen[0] - FAKE[:3]) / (REAL - FAKE[:3])).flatten(1)
    assert (shares[:, 1:] > 0).all()
    assert (shares[:, 1:] < 1).all()
    assert_close(shares[:, 1], shares[:, 3])  # one share for all pixels of an image
    assert shares[0, 1] != shares[1, 1]


@pytest.mark.parametrize("name", PENALTIES)
def test_gradients_of_the_weights_against_finite_differences(name: str) -> None:
    weights = torch.randn(2, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(3))

    def penalty(weights: Tensor) -> Tensor:
        torch.manual_seed(5)
        return PENALTIES[name](
            lambda images: (torch.tanh(images.flatten(1) @ weights.T * 0.1)).sum(1), REAL, FAKE
        )

    assert torch.autograd.gradcheck(penalty, weights.requires_grad_())
