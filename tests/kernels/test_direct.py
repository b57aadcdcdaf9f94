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

from dcgan_lightning.kernels.direct import conv2d_same, conv_transpose2d_same

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


def test_in_float32_with_the_networks_sizes() -> None:
    """Where oneDNN computes; the results are channels last, as what comes next wants them."""
    images, features, weight = draw(20, 1, 28, 28), draw(20, 64, 14, 14), draw(64, 1, 5, 5)
    output = conv2d_same(images.float(), weight.float(), 2)
    assert output.is_contiguous(memory_format=torch.channels_last)
    assert_close(output.double(), plain_conv2d(images, weight, 2), rtol=0, atol=1e-4)
    pixels = conv_transpose2d_same(features.float(), weight.float(), 2)
    assert_close(pixels.double(), plain_conv_transpose2d(features, weight, 2), rtol=0, atol=1e-3)
