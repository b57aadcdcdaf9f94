"""Convolutions next to the pixels with even padding and a bias, for CPUs with AVX-512.

With one channel, PyTorch's gradient for the images takes longer than all the rest of the layer. Here it is a
matrix product, which gives the patches, and their sum by ``F.fold``. All else is PyTorch's.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F


def conv2d_folded(images: Tensor, weight: Tensor, bias: Tensor | None, stride: int, padding: int) -> Tensor:
    """Convolve as ``F.conv2d`` does.

    Args:
        images: (N, C_in, S, S), float32 or float64.
        weight: (C_out, C_in, k, k), of the same type.
        bias: (C_out,), or None.
        stride: Pixels from one output to the next.
        padding: Pixels on each side.
    """
    constants = getattr(images.grad_fn, "constants", 0)  # see `dcgan_lightning.kernels.convolution.join`
    result: Tensor = _FoldedConvolution.apply(images, weight, bias, stride, padding, constants)
    return result


class _FoldedConvolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        images: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: int,
        padding: int,
        constants: int,
    ) -> Tensor:
        ctx.save_for_backward(images, weight)
        ctx.stride, ctx.padding, ctx.constants = stride, padding, constants
        return F.conv2d(images, weight, bias, stride, padding)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        images, weight = ctx.saved_tensors
        (d_results,) = gradients
        needed = list(ctx.needs_input_grad[:3])
        folds = needed[0] and not torch.is_grad_enabled()  # PyTorch's gradients can be differentiated again
        d_images, d_weight, d_bias = torch.ops.aten.convolution_backward(
            *(d_results, images, weight, [len(weight)]),
            *([ctx.stride] * 2, [ctx.padding] * 2, [1, 1], False, [0, 0], 1),
            [needed[0] and not folds, *needed[1:]],
        )
        if folds:
            d_images = images.new_zeros(images.shape)
            of_others = d_results[ctx.constants :].flatten(2)
            kernels = weight.flatten(1).t().expand(len(of_others), -1, -1)  # (N, C_in * k * k, C_out)
            d_images[ctx.constants :] = F.fold(
                torch.bmm(kernels, of_others),
                *(images.shape[2:], weight.shape[2:]),
                padding=ctx.padding,
                stride=ctx.stride,
            )
        return d_images, d_weight, d_bias, None, None, None
