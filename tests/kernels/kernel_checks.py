"""PyTorch's own convolutions with padding "same", and what tests of the kernels compare."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan_lightning.networks.layers import same_padding


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


def outcome(convolve: Callable[..., Tensor], images: Tensor, weight: Tensor, *others: Any) -> list[Tensor]:
    """Return a convolution's result and its gradients for both inputs."""
    images, weight = images.detach().requires_grad_(), weight.detach().requires_grad_()
    result = convolve(images, weight, *others)
    gradients = torch.autograd.grad(result, [images, weight], draw(*result.shape, dtype=result.dtype))
    return [result.detach(), *gradients]
