import torch
from torch.nn import functional as F
from torch.testing import assert_close

from dcgan_lightning.networks.filters import FilterBank

IMAGES = torch.randn(2, 3, 24, 20, generator=torch.Generator().manual_seed(0))


def test_responses_are_rectified_correlations_at_each_scale() -> None:
    bank = FilterBank(3, filters=4, size=5, scales=2, seed=1)
    full, half = bank(IMAGES)
    assert (full.shape, half.shape) == ((2, 4, 24, 20), (2, 4, 12, 10))
    patch = IMAGES[1, :, 4:9, 7:12]
    expected = (bank.filters * patch).sum(dim=(1, 2, 3)).clamp_min(0)
    assert_close(full[1, :, 6, 9], expected)
    assert_close(half, bank(F.avg_pool2d(IMAGES, 2))[0])


def test_flat_areas_leave_no_trace_and_filters_follow_from_the_seed() -> None:
    bank = FilterBank(1)
    assert bank(torch.full((1, 1, 16, 16), 0.7))[0].abs().max() < 1e-5
    assert_close(bank.filters.flatten(1).norm(dim=1), torch.ones(48))
    assert torch.equal(bank.filters, FilterBank(1).filters)
    assert not torch.equal(bank.filters, FilterBank(1, seed=1).filters)


def test_images_may_be_smaller_than_the_filters() -> None:
    assert [layer.shape[2:] for layer in FilterBank(1)(torch.ones(1, 1, 8, 9))] == [(8, 9), (4, 4), (2, 2)]
