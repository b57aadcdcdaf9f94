import pytest
import torch
from kernel_checks import draw
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from dcgan_lightning.kernels.convolution import join
from dcgan_lightning.kernels.folded import conv2d_folded


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("bias", [draw(5), None])
@pytest.mark.parametrize(("size", "stride", "padding"), [(4, 2, 1), (3, 1, 1), (3, 2, 1)])
def test_outputs_and_gradients_are_pytorchs(
    channels: int,
    memory_format: torch.memory_format,
    bias: Tensor | None,
    size: int,
    stride: int,
    padding: int,
) -> None:
    inputs = [draw(3, channels, 7, 7).to(memory_format=memory_format), draw(5, channels, size, size)]
    inputs = [values.requires_grad_() for values in [*inputs, *([] if bias is None else [bias])]]
    images, weight = inputs[:2]
    found, expected = (
        convolve(images, weight, bias, stride, padding) for convolve in (conv2d_folded, F.conv2d)
    )
    assert torch.equal(found, expected)
    gradient = draw(*found.shape)
    pairs = zip(*(torch.autograd.grad(output, inputs, gradient) for output in (found, expected)), strict=True)
    for value, other in pairs:
        assert_close(value, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("needed", [0, 1])
def test_only_the_gradients_that_are_needed(needed: int) -> None:
    images, weight = draw(2, 1, 6, 6), draw(3, 1, 4, 4)
    values = [images, weight]
    values[needed].requires_grad_()
    conv2d_folded(images, weight, None, 2, 1).square().sum().backward()
    assert [value.grad is not None for value in values] == [needed == 0, needed == 1]


def test_gradients_can_be_differentiated_again() -> None:
    inputs = [draw(2, 1, 6, 6).requires_grad_(), draw(2, 1, 4, 4).requires_grad_(), draw(2).requires_grad_()]
    assert torch.autograd.gradgradcheck(lambda *values: conv2d_folded(*values, 2, 1).square(), inputs)


def test_joined_images_have_the_gradients_of_pytorchs_layer() -> None:
    real, weight = draw(2, 1, 6, 6), draw(4, 1, 4, 4).requires_grad_()
    found, expected = [], []
    for gradients, convolve in ((found, conv2d_folded), (expected, F.conv2d)):
        fake = draw(3, 1, 6, 6).requires_grad_()
        convolve(join(real, fake), weight, None, 2, 1).square().sum().backward()
        gradients += [fake.grad, weight.grad]
        weight.grad = None
    for value, other in zip(found, expected, strict=True):
        assert_close(value, other, rtol=1e-12, atol=1e-12)
