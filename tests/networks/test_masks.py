import torch
from torch.nn import functional as F
from torch.testing import assert_close

from dcgan_lightning.networks.masks import object_mask


def test_a_mask_of_an_object() -> None:
    images = torch.full((1, 1, 12, 12), -1.0)
    images[..., 3:9, 2:10] = 0.5
    images[..., 5:7, 5:7] = -0.95  # nearly the background
    expected = torch.zeros(1, 1, 12, 12)
    expected[..., 3:9, 2:10] = 1
    expected[..., 5:7, 5:7] = 0
    assert torch.equal(object_mask(images), expected)
    assert torch.equal(object_mask(images, background=torch.full((1, 1, 1), -1.0)), expected)
    enlarged = object_mask(images.repeat_interleave(2, 2).repeat_interleave(2, 3), factor=2)
    assert enlarged.shape == (1, 1, 24, 24)
    assert_close(F.avg_pool2d(enlarged, 2).round(), expected)
    white = object_mask(torch.ones(1, 3, 4, 4), background=torch.ones(3, 1, 1))
    assert not white.any()
