import pytest
import torch
from kernel_checks import draw
from torch.testing import assert_close

from dcgan_lightning.kernels.patches import gather, scatter


@pytest.mark.parametrize(("size", "stride"), [(5, 2), (3, 1), (4, 2)])
def test_scatter_is_the_transpose_of_gather(size: int, stride: int) -> None:
    images = draw(3, 2, 3 * stride, 3 * stride)
    patches = draw(3 * 3 * 3, 2 * size * size)
    there, back = gather(images, size, stride), scatter(patches, 3, size, stride)
    assert there.shape == patches.shape
    assert back.shape == images.shape
    assert_close((there * patches).sum(), (images * back).sum(), rtol=1e-12, atol=0)


def test_a_patch_is_what_lies_under_the_kernel() -> None:
    images = torch.arange(16.0).view(1, 1, 4, 4)
    patches = gather(images, 3, 1).view(4, 4, 3, 3)
    assert patches[1, 2].tolist() == [[1, 2, 3], [5, 6, 7], [9, 10, 11]]
    assert patches[0, 0].tolist() == [[0, 0, 0], [0, 0, 1], [0, 4, 5]]
