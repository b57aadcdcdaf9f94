"""Convolutions with padding "same", composed of six steps that each algorithm implements.

With the images x, the kernel w and the results y of a convolution::

    convolution              y = to_results(from_images(x), from_weight(w))
    its gradients           dx = to_images(from_results(dy), from_weight(w))
                            dw = weight_gradient(from_images(x), from_results(dy), w)

The transposed convolution is the formula of dx. What the forward pass has prepared is kept for the gradients.

All three formulas are linear in each of their two arguments, so the gradients of each are the other two:
where gradients are differentiated again, as for a gradient penalty, these formulas serve too.

Sizes in the shapes below: N images, S pixels a side of the results, k pixels a side of the kernel.
"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor


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

    def from_weight(self, weight: Tensor) -> Tensor:
        """Prepare the kernel, (C_out, C_in, k, k); here it is used as it is."""
        return weight

    @abstractmethod
    def to_results(self, images: Tensor, kernel: Tensor, channels_last: bool) -> Tensor:
        """Convolve prepared images with a prepared kernel.

        Args:
            images: As `from_images` returns them.
            kernel: As `from_weight` returns it.
            channels_last: The order in memory that is wanted; another one is allowed.

        Returns:
            (N, C_out, S, S).
        """

    @abstractmethod
    def to_images(self, results: Tensor, kernel: Tensor) -> Tensor:
        """Convolve prepared results with a prepared kernel, transposed: (N, C_in, S * stride, S * stride)."""

    @abstractmethod
    def weight_gradient(self, images: Tensor, results: Tensor, weight: Tensor) -> Tensor:
        """Return the kernel's gradient, in its shape and memory format, of prepared images and gradients."""


def join(constants: Tensor, images: Tensor) -> Tensor:
    """Concatenate images that need no gradient and others, of which `conv2d_same` computes gradients only.

    Args:
        constants: (M, C, H, W).
        images: (N, C, H, W).

    Returns:
        (M + N, C, H, W).
    """
    if constants.requires_grad:
        return torch.cat([constants, images])
    joined: Tensor = _Joined.apply(constants, images)
    return joined


def conv2d_same(
    images: Tensor, weight: Tensor, stride: int, way: type[Way], bias: Tensor | None = None
) -> Tensor:
    """Convolve with padding "same".

    Args:
        images: (N, C_in, S * stride, S * stride), float32 or float64.
        weight: (C_out, C_in, k, k), of the same type, as ``nn.Conv2d`` has it; k >= stride.
        stride: Pixels from one output to the next.
        way: How it is computed.
        bias: (C_out,).

    Returns:
        (N, C_out, S, S), channels last in memory or not, whichever takes no copy.
    """
    constants = getattr(images.grad_fn, "constants", 0)  # see `join`
    chosen = way(images.shape[-1] // stride, weight, stride)
    result: Tensor = _Convolution.apply(images, weight, bias, chosen, constants)
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


class _Joined(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, constants: Tensor, images: Tensor) -> Tensor:
        ctx.constants = len(constants)
        return torch.cat([constants, images])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, Tensor]:
        return None, gradients[0][ctx.constants :]


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, images: Tensor, weight: Tensor, bias: Tensor | None, way: Way, constants: int
    ) -> Tensor:
        ctx.way, ctx.constants = way, constants
        x, kernel = way.from_images(images), way.from_weight(weight)
        ctx.save_for_backward(images, x, weight, kernel)
        results = way.to_results(x, kernel, channels_last=False)
        if bias is not None:
            results += bias.view(-1, 1, 1)
        return results.detach()  # not a view, so that the next layer may work in place

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        images, x, weight, kernel = ctx.saved_tensors
        (d_results,) = gradients
        way: Way = ctx.way
        needs_images, needs_weight, needs_bias, *_ = ctx.needs_input_grad
        d_bias = d_results.sum((0, 2, 3)) if needs_bias else None
        if torch.is_grad_enabled():  # the gradients are differentiated again
            d_weight = _WeightGradient.apply(images, d_results, weight, way) if needs_weight else None
            d_images = _TransposedConvolution.apply(d_results, weight, way) if needs_images else None
            return d_images, d_weight, d_bias, None, None
        dy = way.from_results(d_results)
        d_weight = way.weight_gradient(x, dy, weight) if needs_weight else None
        d_images = None
        if needs_images and ctx.constants:
            d_images = torch.zeros_like(images)
            of_others = way.from_results(d_results[ctx.constants :])
            d_images[ctx.constants :] = way.to_images(of_others, kernel)
        elif needs_images:
            d_images = way.to_images(dy, kernel)
        return d_images, d_weight, d_bias, None, None


class _TransposedConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, results: Tensor, weight: Tensor, way: Way) -> Tensor:
        ctx.way = way
        y, kernel = way.from_results(results), way.from_weight(weight)
        ctx.save_for_backward(results, y, weight, kernel)
        return way.to_images(y, kernel).detach()  # not a view, so that the next layer may work in place

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        results, y, weight, kernel = ctx.saved_tensors
        (d_images,) = gradients
        way: Way = ctx.way
        needs_results, needs_weight, _ = ctx.needs_input_grad
        if torch.is_grad_enabled():
            d_weight = _WeightGradient.apply(d_images, results, weight, way) if needs_weight else None
            d_results = _Convolution.apply(d_images, weight, None, way, 0) if needs_results else None
        else:
            dx = way.from_images(d_images)
            d_weight = way.weight_gradient(dx, y, weight) if needs_weight else None
            channels_last = results.is_contiguous(memory_format=torch.channels_last)
            d_results = way.to_results(dx, kernel, channels_last) if needs_results else None
        return d_results, d_weight, None


class _WeightGradient(torch.autograd.Function):
    """The kernel's gradient as a separate differentiable operation; ``weight`` gives its shape."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, results: Tensor, weight: Tensor, way: Way) -> Tensor:
        ctx.way = way
        ctx.save_for_backward(images, results)
        return way.weight_gradient(way.from_images(images), way.from_results(results), weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        images, results = ctx.saved_tensors
        (d_weight,) = gradients
        needs_images, needs_results = ctx.needs_input_grad[:2]
        d_images = _TransposedConvolution.apply(results, d_weight, ctx.way) if needs_images else None
        d_results = _Convolution.apply(images, d_weight, None, ctx.way, 0) if needs_results else None
        return d_images, d_results, None, None
