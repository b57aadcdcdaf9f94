import pytest
import torch
from kernel_checks import (
    check_against_plain,
    check_memory_formats,
    check_needed_gradients_only,
    draw,
    plain_conv2d,
    plain_conv_transpose2d,
)
from torch.testing import assert_close

from dcgan_lightning.kernels.patches import conv2d_same, conv_transpose2d_same, gather, scatter

# (images, channels of the larger image, of the smaller one, its side, kernel, stride)
SIZES = [(1, 1, 4, 14, 5, 2), (3, 1, 2, 5, 5, 1), (5, 3, 4, 4, 4, 2), (2, 2, 1, 3, 3, 3), (3, 1, 3, 1, 5, 2)]


@pytest.mark.parametrize(("count", "outer", "inner", "side", "kernel", "stride"), SIZES)
def test_convolution_is_the_plain_one(count, outer, inner, side, kernel, stride) -> None:
    images, weight = draw(count, outer, side * stride, side * stride), draw(inner, outer, kernel, kernel)
    check_against_plain(conv2d_same, plain_conv2d, images, weight, stride)


@pytest.mark.parametrize(("count", "outer", "inner", "side", "kernel", "stride"), SIZES)
def test_transposed_convolution_is_the_plain_one(count, outer, inner, side, kernel, stride) -> None:
    images, weight = draw(count, inner, side, side), draw(inner, outer, kernel, kernel)
    check_against_plain(conv_transpose2d_same, plain_conv_transpose2d, images, weight, stride)


def test_memory_formats() -> None:
    check_memory_formats(conv2d_same, draw(3, 2, 6, 6), draw(4, 2, 5, 5), 2)
    check_memory_formats(conv_transpose2d_same, draw(3, 4, 3, 3), draw(4, 2, 5, 5), 2)


def test_gradients_by_differences() -> None:
    weight = draw(3, 2, 5, 5).requires_grad_()
    assert torch.autograd.gradcheck(conv2d_same, (draw(2, 2, 4, 4).requires_grad_(), weight, 2))
    assert torch.autograd.gradcheck(conv_transpose2d_same, (draw(2, 3, 2, 2).requires_grad_(), weight, 2))


def test_needed_gradients_only() -> None:
    check_needed_gradients_only(conv2d_same, draw(2, 1, 4, 4), draw(3, 1, 3, 3), 2)
    check_needed_gradients_only(conv_transpose2d_same, draw(2, 3, 4, 4), draw(3, 1, 3, 3), 2)


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
