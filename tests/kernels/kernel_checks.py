"""A special way to convolve against PyTorch's own: values, gradients, memory formats."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.testing import assert_close

from dcgan_lightning.networks.layers import same_padding

Convolution = Callable[[Tensor, Tensor, int], Tensor]


def plain_conv2d(images: Tensor, weight: Tensor, stride: int) -> Tensor:
    before, after = same_padding(weight.shape[-1], stride)
    return F.conv2d(F.pad(images, (before, after, before, after)), weight, stride=stride)


def plain_conv_transpose2d(images: Tensor, weight: Tensor, stride: int) -> Tensor:
    before, _ = same_padding(weight.shape[-1], stride)
    side = images.shape[-1] * stride
    output = F.conv_transpose2d(images, weight, stride=stride)
    return output[..., before : before + side, before : before + side]


def draw(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)), dtype=dtype)


def outcome(convolve: Convolution, images: Tensor, weight: Tensor, stride: int) -> list[Tensor]:
    """Return a convolution's result and its gradients for both inputs."""
    images, weight = images.detach().requires_grad_(), weight.detach().requires_grad_()
    result = convolve(images, weight, stride)
    gradients = torch.autograd.grad(result, [images, weight], draw(*result.shape, dtype=result.dtype))
    return [result.detach(), *gradients]


def check_against_plain(
    special: Convolution, plain: Convolution, images: Tensor, weight: Tensor, stride: int
) -> None:
    """Compare in float64, where the two may differ by rounding only."""
    ours, reference = (outcome(convolve, images, weight, stride) for convolve in (special, plain))
    for name, value, expected in zip(("result", "images", "weight"), ours, reference, strict=True):
        assert_close(value, expected, rtol=0, atol=1e-12 * max(1.0, float(expected.abs().max())), msg=name)


def check_memory_formats(special: Convolution, images: Tensor, weight: Tensor, stride: int) -> None:
    """The memory format of inputs changes no value, and a weight's gradient has the weight's own."""
    expected = outcome(special, images, weight, stride)
    strided = images.repeat_interleave(2, dim=0)[::2]
    for other_images in (images.contiguous(memory_format=torch.channels_last), strided):
        other_weight = weight.contiguous(memory_format=torch.channels_last)
        found = outcome(special, other_images, other_weight, stride)
        for value, reference in zip(found, expected, strict=True):
            assert_close(value, reference, rtol=0, atol=1e-12)
        assert found[2].stride() == other_weight.stride()


def check_needed_gradients_only(special: Convolution, images: Tensor, weight: Tensor, stride: int) -> None:
    images, weight = images.detach(), weight.detach().requires_grad_()
    special(images, weight, stride).sum().backward()
    assert weight.grad is not None
    assert images.grad is None
    images, weight = images.requires_grad_(), weight.detach()
    special(images, weight, stride).sum().backward()
    assert images.grad is not None
    assert weight.grad is None
