"""Convolutions with padding "same" next to the pixels, for CPUs with AVX-512.

With one channel, PyTorch's convolution and its kernel's gradient are fast there, its transposed convolution
is not. Here that one is a convolution of single points, which gives the patches, and their sum, as in
`dcgan_lightning.kernels.patches`.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F
from torch.nn.grad import conv2d_weight

from dcgan_lightning.kernels.patches import scatter


def conv2d_same(images: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Convolve with padding "same" and without bias (shapes: see `dcgan_lightning.kernels.frequency`)."""
    result: Tensor = _Convolution.apply(images, weight, stride)
    return result


def conv_transpose2d_same(images: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Convolve transposed, with padding "same" and without bias (shapes: see the same)."""
    result: Tensor = _TransposedConvolution.apply(images, weight, stride)
    return result


def _pad(images: Tensor, size: int, stride: int) -> Tensor:
    before, after = (size - stride) // 2, size - stride - (size - stride) // 2
    padded = F.pad(images.permute(0, 2, 3, 1), (0, 0, before, after, before, after))
    # Strides that say "channels last" also where there is one channel; PyTorch takes its layout from them.
    return padded.contiguous().permute(0, 3, 1, 2)


def _convolve(padded: Tensor, weight: Tensor, stride: int) -> Tensor:
    return F.conv2d(padded, weight, None, stride)


def _convolve_transposed(images: Tensor, weight: Tensor, stride: int) -> Tensor:
    points = weight.flatten(1).t()[..., None, None]  # (C * k * k, C_in, 1, 1)
    patches = F.conv2d(images.contiguous(memory_format=torch.channels_last), points)
    rows = patches.permute(0, 2, 3, 1).reshape(-1, len(points))
    return scatter(rows, len(images), weight.shape[-1], stride)


def _weight_gradient(padded: Tensor, gradient: Tensor, weight: Tensor, stride: int) -> Tensor:
    return torch.empty_like(weight).copy_(conv2d_weight(padded, weight.shape, gradient, stride))


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, stride: int) -> Tensor:
        padded = _pad(images, weight.shape[-1], stride)
        ctx.stride = stride
        ctx.save_for_backward(padded, weight)
        return _convolve(padded, weight, stride)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        padded, weight = ctx.saved_tensors
        d_images = d_weight = None
        if ctx.needs_input_grad[0]:
            d_images = _convolve_transposed(gradients[0], weight, ctx.stride)
        if ctx.needs_input_grad[1]:
            d_weight = _weight_gradient(padded, gradients[0], weight, ctx.stride)
        return d_images, d_weight, None


class _TransposedConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.stride = stride
        ctx.save_for_backward(images, weight)
        return _convolve_transposed(images, weight, stride)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        images, weight = ctx.saved_tensors
        padded = _pad(gradients[0], weight.shape[-1], ctx.stride)
        d_images = d_weight = None
        if ctx.needs_input_grad[0]:
            d_images = _convolve(padded, weight, ctx.stride)
        if ctx.needs_input_grad[1]:
            d_weight = _weight_gradient(padded, images, weight, ctx.stride)
        return d_images, d_weight, None
