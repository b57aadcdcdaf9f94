"""Convolutions with padding "same", made of five steps that each way to compute them has of its own.

With the images x, the kernel w and the results y of a convolution::

    convolution              y = to_results(from_images(x), w)
    its gradients           dx = to_images(from_results(dy), w)
                            dw = weight_gradient(from_images(x), from_results(dy), w)

The transposed convolution is the formula of dx. What a convolution keeps for its gradients is what
``from_images`` makes, a transposed one what ``from_results`` makes.

Sizes in the shapes below: N images, S pixels a side of the results, k pixels a side of the kernel.
"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class Way(ABC):
    """A way to compute a convolution and its transpose.

    Args:
        side: S.
        weight: (C_out, C_in, k, k) in float32 or float64, as ``nn.Conv2d`` has it.
        stride: Pixels of the images for each pixel of the results; at most k.
    """

    def __init__(self, side: int, weight: Tensor, stride: int) -> None:
        self.side = side
        self.size = weight.shape[-1]
        self.stride = stride

    @abstractmethod
    def from_images(self, images: Tensor) -> Tensor:
        """Prepare images, (N, C_in, S * stride, S * stride)."""

    @abstractmethod
    def from_results(self, results: Tensor) -> Tensor:
        """Prepare results, (N, C_out, S, S)."""

    @abstractmethod
    def to_results(self, images: Tensor, weight: Tensor) -> Tensor:
        """Convolve prepared images: (N, C_out, S, S), channels last in memory."""

    @abstractmethod
    def to_images(self, results: Tensor, weight: Tensor) -> Tensor:
        """Convolve prepared results, transposed: (N, C_in, S * stride, S * stride)."""

    @abstractmethod
    def weight_gradient(self, images: Tensor, results: Tensor, weight: Tensor) -> Tensor:
        """Return the kernel's gradient, in its shape and memory format, of prepared images and gradients."""


def conv2d_same(images: Tensor, weight: Tensor, stride: int, way: type[Way]) -> Tensor:
    """Convolve with padding "same" and without bias.

    Args:
        images: (N, C_in, S * stride, S * stride), float32 or float64.
        weight: (C_out, C_in, k, k), of the same type, as ``nn.Conv2d`` has it; k >= stride.
        stride: Pixels from one output to the next.
        way: How it is computed.

    Returns:
        (N, C_out, S, S), channels last in memory.
    """
    result: Tensor = _Convolution.apply(images, weight, way(images.shape[-1] // stride, weight, stride))
    return result


def conv_transpose2d_same(images: Tensor, weight: Tensor, stride: int, way: type[Way]) -> Tensor:
    """Convolve transposed, with padding "same" and without bias.

    Args:
        images: (N, C_in, S, S), float32 or float64.
        weight: (C_in, C_out, k, k), of the same type, as ``nn.ConvTranspose2d`` has it; k >= stride.
        stride: Pixels of the result for each pixel of the images.
        way: How it is computed.

    Returns:
        (N, C_out, S * stride, S * stride).
    """
    result: Tensor = _TransposedConvolution.apply(images, weight, way(images.shape[-1], weight, stride))
    return result


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, way: Way) -> Tensor:
        ctx.way = way
        x = way.from_images(images)
        ctx.save_for_backward(x, weight)
        return way.to_results(x, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        way: Way = ctx.way
        dy = way.from_results(gradients[0])
        d_weight = way.weight_gradient(x, dy, weight) if ctx.needs_input_grad[1] else None
        d_images = way.to_images(dy, weight) if ctx.needs_input_grad[0] else None
        return d_images, d_weight, None


class _TransposedConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, way: Way) -> Tensor:
        ctx.way = way
        y = way.from_results(images)
        ctx.save_for_backward(y, weight)
        return way.to_images(y, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        y, weight = ctx.saved_tensors
        way: Way = ctx.way
        dx = way.from_images(gradients[0])
        d_weight = way.weight_gradient(dx, y, weight) if ctx.needs_input_grad[1] else None
        d_images = way.to_results(dx, weight) if ctx.needs_input_grad[0] else None
        return d_images, d_weight, None
