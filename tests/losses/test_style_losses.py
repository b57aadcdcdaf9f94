import numpy as np
import pytest
import torch
from torch.testing import assert_close

from dcgan_lightning.losses.style import content_loss, gram, style_loss, total_variation

RANDOM = np.random.default_rng(0)
ACTIVATIONS = RANDOM.normal(size=(2, 3, 4, 5))


def test_gram_is_the_mean_product_of_channels() -> None:
    """Against loops over all pairs of channels."""
    expected = np.empty((2, 3, 3))
    for image, one, other in np.ndindex(expected.shape):
        expected[image, one, other] = np.mean(ACTIVATIONS[image, one] * ACTIVATIONS[image, other])
    assert_close(gram(torch.from_numpy(ACTIVATIONS)).numpy(), expected)


def test_gram_knows_no_places() -> None:
    activations = torch.from_numpy(ACTIVATIONS)
    shuffled = activations.flatten(2)[..., torch.randperm(20)].unflatten(2, (4, 5))
    assert_close(gram(shuffled), gram(activations))


def test_a_mask_chooses_the_places() -> None:
    activations = torch.from_numpy(ACTIVATIONS)
    mask = torch.zeros(2, 1, 4, 5, dtype=torch.float64)
    mask[0, :, :2], mask[1, :, :, 3:] = 1, 1
    masked = gram(activations, mask)
    assert_close(masked[0], gram(activations[:1, :, :2])[0])
    assert_close(masked[1], gram(activations[1:, :, :, 3:])[0])
    coarse = torch.nn.functional.avg_pool2d(activations[..., :4], 2)
    assert_close(gram(coarse, mask[..., :4])[0], gram(coarse[:1, :, :1])[0])
    assert gram(activations, torch.zeros_like(mask)).eq(0).all()


def test_content_loss_is_relative() -> None:
    wanted = torch.tensor([[[[3.0, 4.0]]]])
    assert content_loss(wanted, wanted) == 0
    assert content_loss(torch.zeros_like(wanted), wanted) == 1
    assert content_loss(wanted + 1, wanted) == pytest.approx(2 / 25)
    assert content_loss(10 * wanted + 10, 10 * wanted) == pytest.approx(2 / 25)


def test_style_loss_is_the_weighted_mean_of_relative_distances() -> None:
    wanted = [torch.eye(2), 2 * torch.eye(3)]
    made = [torch.stack([torch.eye(2), 3 * torch.eye(2)]), torch.zeros(2, 3, 3)]
    first = (0 + 4 * 2) / 2 / 2  # two images, one of them two off on the diagonal; the norm's square is 2
    assert style_loss(wanted, wanted, [1, 1]) == 0
    assert style_loss(made, wanted, [1, 1]) == pytest.approx((first + 1) / 2)
    assert style_loss(made, wanted, [3, 1]) == pytest.approx((3 * first + 1) / 4)


def test_total_variation() -> None:
    steps = torch.tensor([[0.0, 1.0, 3.0], [0.0, 1.0, 3.0]]).view(1, 1, 2, 3)
    assert total_variation(steps) == pytest.approx(0 + 1.5)
    assert total_variation(steps.transpose(2, 3)) == pytest.approx(1.5)
    assert total_variation(torch.full((1, 3, 4, 4), 7.0)) == 0
