"""Every way to convolve is the plain one: values, gradients, memory formats."""

import pytest
import torch
from kernel_checks import draw, outcome, plain_conv2d, plain_conv_transpose2d
from torch import Tensor
from torch.testing import assert_close

from dcgan_lightning.kernels.convolution import Way, conv2d_same, conv_transpose2d_same
from dcgan_lightning.kernels.direct import Direct
from dcgan_lightning.kernels.frequency import Frequency
from dcgan_lightning.kernels.patches import Patches

# (images, channels of the larger image, of the smaller one, its side, kernel, stride)
SIZES = [
    (1, 2, 3, 7, 5, 1),
    (3, 3, 2, 7, 5, 2),
    (1, 1, 4, 14, 5, 2),
    (5, 1, 4, 7, 4, 2),
    (2, 4, 1, 5, 3, 1),
    (3, 2, 2, 4, 3, 3),
    (2, 3, 5, 6, 6, 2),
    (3, 2, 3, 1, 5, 2),
    (2, 2, 2, 3, 7, 3),
    (1, 1, 1, 2, 1, 1),
]
ways = pytest.mark.parametrize("way", [Direct, Frequency, Patches])
sizes = pytest.mark.parametrize(("count", "outer", "inner", "side", "kernel", "stride"), SIZES)


def check_alike(ours: list[Tensor], plain: list[Tensor]) -> None:
    """Compare in float64, where the two may differ by rounding only."""
    for name, value, expected in zip(("result", "images", "weight"), ours, plain, strict=True):
        assert_close(value, expected, rtol=0, atol=1e-12 * max(1.0, float(expected.abs().max())), msg=name)


@ways
@sizes
def test_convolution_is_the_plain_one(way: type[Way], count, outer, inner, side, kernel, stride) -> None:
    images, weight = draw(count, outer, side * stride, side * stride), draw(inner, outer, kernel, kernel)
    ours = outcome(conv2d_same, images, weight, stride, way)
    check_alike(ours, outcome(plain_conv2d, images, weight, stride))
    assert ours[0].is_contiguous(memory_format=torch.channels_last)


@ways
@sizes
def test_transposed_convolution_is_the_plain_one(
    way: type[Way], count, outer, inner, side, kernel, stride
) -> None:
    images, weight = draw(count, inner, side, side), draw(inner, outer, kernel, kernel)
    ours = outcome(conv_transpose2d_same, images, weight, stride, way)
    check_alike(ours, outcome(plain_conv_transpose2d, images, weight, stride))


@ways
@pytest.mark.parametrize("stride", [1, 2])
def test_memory_formats_change_no_value(way: type[Way], stride: int) -> None:
    """A weight's gradient has the weight's own."""
    weight = draw(4, 2, 5, 5)
    for convolve, images in (
        (conv2d_same, draw(3, 2, 6 * stride, 6 * stride)),
        (conv_transpose2d_same, draw(3, 4, 6, 6)),
    ):
        expected = outcome(convolve, images, weight, stride, way)
        strided = images.repeat_interleave(2, dim=0)[::2]
        for other_images in (images.contiguous(memory_format=torch.channels_last), strided):
            other_weight = weight.contiguous(memory_format=torch.channels_last)
            found = outcome(convolve, other_images, other_weight, stride, way)
            check_alike(found, expected)
            assert found[2].stride() == other_weight.stride()


@ways
@pytest.mark.parametrize("stride", [1, 2])
def test_gradients_by_differences(way: type[Way], stride: int) -> None:
    weight = draw(3, 2, 5, 5).requires_grad_()
    images, results = draw(2, 2, 3 * stride, 3 * stride).requires_grad_(), draw(2, 3, 3, 3).requires_grad_()
    for convolve, inputs in ((conv2d_same, images), (conv_transpose2d_same, results)):
        assert torch.autograd.gradcheck(convolve, (inputs, weight, stride, way))
        assert torch.autograd.gradgradcheck(convolve, (inputs, weight, stride, way))


@ways
@pytest.mark.parametrize("convolve", [conv2d_same, conv_transpose2d_same])
def test_needed_gradients_only(way: type[Way], convolve) -> None:
    images, weight = draw(2, 2, 4, 4), draw(2, 2, 3, 3).requires_grad_()
    convolve(images, weight, 2, way).sum().backward()
    assert weight.grad is not None
    assert images.grad is None
    images, weight = images.requires_grad_(), weight.detach()
    convolve(images, weight, 2, way).sum().backward()
    assert images.grad is not None
    assert weight.grad is None
