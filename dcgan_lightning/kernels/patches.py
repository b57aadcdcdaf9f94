"""Convolutions with padding "same" next to the pixels: one matrix product over all patches of the image.

Where the larger image has a single channel, PyTorch's convolutions take as long as with many. Here the
patches under the kernel become the rows of a matrix; gathering them is cheap, because the images are the
innermost dimension while that is done, so whole rows are copied.

The transposed convolution does the same backwards: a matrix product gives the patches, which are added up.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


def conv2d_same(images: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Convolve with padding "same" and without bias (shapes: see `dcgan_lightning.kernels.frequency`)."""
    result: Tensor = _Convolution.apply(images, weight, stride)
    return result


def conv_transpose2d_same(images: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Convolve transposed, with padding "same" and without bias (shapes: see the same)."""
    result: Tensor = _TransposedConvolution.apply(images, weight, stride)
    return result


def gather(images: Tensor, size: int, stride: int) -> Tensor:
    """Return the patches under a kernel.

    Args:
        images: (N, C, S * stride, S * stride).
        size: k, the kernel's side.
        stride: Pixels from one patch to the next.

    Returns:
        (N * S * S, C * k * k).
    """
    before, after = (size - stride) // 2, size - stride - (size - stride) // 2
    pixels = F.pad(images.permute(2, 3, 1, 0), (0, 0, 0, 0, before, after, before, after)).contiguous()
    patches = pixels.unfold(0, size, stride).unfold(1, size, stride)  # (S, S, C, N, k, k)
    side, _, channels, count = patches.shape[:4]
    rows = patches.permute(0, 1, 2, 4, 5, 3).reshape(side * side, channels * size * size, count)
    return rows.permute(2, 0, 1).reshape(count * side * side, -1)


def scatter(patches: Tensor, count: int, size: int, stride: int) -> Tensor:
    """Add up patches where they overlap; the transpose of `gather`.

    Args:
        patches: (N * S * S, C * k * k).
        count: N.
        size: k, the kernel's side.
        stride: Pixels from one patch to the next.

    Returns:
        (N, C, S * stride, S * stride).
    """
    side = round((len(patches) / count) ** 0.5)
    channels = patches.shape[1] // size**2
    rows = patches.view(count, side * side, -1).permute(1, 2, 0).contiguous()
    rows = rows.view(side, side, channels, size, size, count)
    pixels = patches.new_zeros(*[(side - 1) * stride + size] * 2, channels, count)
    reach = (side - 1) * stride + 1
    for row in range(size):
        for column in range(size):
            pixels[row : row + reach : stride, column : column + reach : stride] += rows[:, :, :, row, column]
    before = (size - stride) // 2
    inside = slice(before, before + side * stride)
    return pixels[inside, inside].permute(3, 2, 0, 1).contiguous()


def _rows(images: Tensor) -> Tensor:
    """Return (N, C, S, S) as (N * S * S, C)."""
    return images.permute(0, 2, 3, 1).reshape(-1, images.shape[1])


def _images(rows: Tensor, count: int) -> Tensor:
    """Undo `_rows`; channels last in memory."""
    side = round((len(rows) / count) ** 0.5)
    return rows.view(count, side, side, -1).permute(0, 3, 1, 2)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, stride: int) -> Tensor:
        patches = gather(images, weight.shape[-1], stride)
        ctx.stride, ctx.count = stride, len(images)
        ctx.save_for_backward(patches, weight)
        return _images(patches @ weight.reshape(len(weight), -1).t(), len(images))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        patches, weight = ctx.saved_tensors
        rows = _rows(gradients[0])
        d_images = d_weight = None
        if ctx.needs_input_grad[0]:
            d_images = scatter(
                rows @ weight.reshape(len(weight), -1), ctx.count, weight.shape[-1], ctx.stride
            )
        if ctx.needs_input_grad[1]:
            d_weight = torch.empty_like(weight).copy_((rows.t() @ patches).view(weight.shape))
        return d_images, d_weight, None


class _TransposedConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, stride: int) -> Tensor:
        rows = _rows(images)
        ctx.stride, ctx.count = stride, len(images)
        ctx.save_for_backward(rows, weight)
        return scatter(rows @ weight.reshape(len(weight), -1), len(images), weight.shape[-1], stride)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        rows, weight = ctx.saved_tensors
        patches = gather(gradients[0], weight.shape[-1], ctx.stride)
        d_images = d_weight = None
        if ctx.needs_input_grad[0]:
            d_images = _images(patches @ weight.reshape(len(weight), -1).t(), ctx.count)
        if ctx.needs_input_grad[1]:
            d_weight = torch.empty_like(weight).copy_((rows.t() @ patches).view(weight.shape))
        return d_images, d_weight, None
