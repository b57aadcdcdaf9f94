"""Every way to convolve is the plain one: values, gradients, memory formats."""

import pytest
import torch
from kernel_checks import draw, outcome, plain_conv2d, plain_conv_transpose2d
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from dcgan_lightning.kernels.convolution import Way, conv2d_same, conv_transpose2d_same, join
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
    is_last = way is not Frequency
    assert ours[0].is_contiguous(memory_format=torch.channels_last if is_last else torch.contiguous_format)


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


@ways
def test_the_bias_is_added(way: type[Way]) -> None:
    images, weight = draw(3, 2, 8, 8), draw(4, 2, 5, 5)
    bias = draw(4).requires_grad_()
    output = conv2d_same(images, weight, 2, way, bias)
    assert_close(output, plain_conv2d(images, weight, 2) + bias.view(-1, 1, 1), rtol=0, atol=1e-12)
    (gradient,) = torch.autograd.grad(output, bias, output)
    assert_close(gradient, output.sum((0, 2, 3)), rtol=0, atol=1e-11)
    F.leaky_relu_(output, 0.3)  # a layer that works in place may follow
    F.leaky_relu_(conv_transpose2d_same(draw(3, 4, 4, 4), weight.requires_grad_(), 2, way), 0.3)


@ways
def test_images_joined_as_constants_get_no_gradients(way: type[Way]) -> None:
    constants, images, weight = draw(3, 1, 8, 8), draw(2, 1, 8, 8).requires_grad_(), draw(4, 1, 5, 5)
    computed: list[int] = []

    class Counting(way):  # type: ignore[misc, valid-type]
        def to_images(self, results: Tensor, kernel: Tensor) -> Tensor:
            found: Tensor = super().to_images(results, kernel)
            computed.append(len(found))
            return found

    output = conv2d_same(join(constants, images), weight, 2, Counting)
    (found,) = torch.autograd.grad(output.square().sum(), images)
    (expected,) = torch.autograd.grad(plain_conv2d(images, weight, 2).square().sum(), images)
    assert_close(found, expected, rtol=0, atol=1e-11)
    assert computed == [2]


def test_constants_that_need_gradients_get_them() -> None:
    constants, images = draw(3, 1, 8, 8).requires_grad_(), draw(2, 1, 8, 8).requires_grad_()
    output = conv2d_same(join(constants, images), draw(4, 1, 5, 5), 2, Direct)
    for found in torch.autograd.grad(output.sum(), [constants, images]):
        assert found.abs().min() > 0
