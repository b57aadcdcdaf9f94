"""Layers in which Keras differs from PyTorch: ``padding="same"`` and BatchNorm's moving variance.

Convolutions and dropout have fast paths (see `dcgan_lightning.kernels`), which do not change their meaning.
"""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan_lightning.core.distributed import mean_over_processes, process_count
from dcgan_lightning.kernels import choose
from dcgan_lightning.kernels.choose import FastPaths
from dcgan_lightning.kernels.convolution import Way, conv2d_same, conv_transpose2d_same
from dcgan_lightning.kernels.direct import Direct
from dcgan_lightning.kernels.dropout import dropout
from dcgan_lightning.kernels.folded import conv2d_folded
from dcgan_lightning.kernels.frequency import BFloat16Frequency, Frequency
from dcgan_lightning.kernels.patches import Patches
from dcgan_lightning.kernels.products import linear


def same_padding(kernel_size: int, stride: int) -> tuple[int, int]:
    """Return TensorFlow's "same" padding of a side that is a multiple of the stride: pixels (before, after).

    With kernel 5 and stride 2, TensorFlow pads one pixel before and two after. ``nn.Conv2d(padding=2)`` gives
    the same shape from pixels shifted by one, so weights could not be moved between the two frameworks.

    Args:
        kernel_size: Side of the kernel in pixels.
        stride: Stride in pixels.

    Raises:
        ValueError: The kernel is smaller than the stride, so that "same" would have to crop.

    Source:
        https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2
    """
    total = kernel_size - stride
    if total < 0:
        raise ValueError(f"kernel_size ({kernel_size}) must be at least stride ({stride})")
    return total // 2, total - total // 2


def _find_way(
    layer: "SameConv2d | SameConvTranspose2d", images: Tensor, outer_channels: int, side: int
) -> type[Way] | None:
    """Return the fast path for a convolution, or None for PyTorch's operation.

    Args:
        layer: The convolution.
        images: Its input.
        outer_channels: Channels of the larger of input and output image.
        side: Pixels a side of the larger image.
    """
    setting = layer.fast_paths
    if choose.use_direct(setting, images, outer_channels):
        return Direct
    if choose.use_patches(setting, images, outer_channels):
        return Patches
    if not choose.use_frequency(setting, images, layer.weight, layer.stride[0], side):
        return None
    return BFloat16Frequency if setting == "bfloat16" and layer.training else Frequency


class SameConv2d(nn.Conv2d):
    """A square convolution with TensorFlow's "same" padding: a side of S pixels becomes S / stride.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Side of the kernel in pixels, at least the stride.
        stride: Stride in pixels.
        bias: Whether there is a bias.
        fast_paths: Whether to use `dcgan_lightning.kernels`; "auto": where these were measured to be faster;
            "bfloat16": as "auto", and training rounds the products in the frequency domain to bfloat16.

    Shape:
        (N, in_channels, S, S) to (N, out_channels, S / stride, S / stride); S a multiple of the stride.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int,
        bias: bool = True,
        fast_paths: FastPaths = "auto",
    ) -> None:
        before, after = same_padding(kernel_size, stride)
        symmetric = before == after
        super().__init__(
            in_channels, out_channels, kernel_size, stride, padding=before if symmetric else 0, bias=bias
        )
        self._pad = None if symmetric else (before, after, before, after)
        self.fast_paths = fast_paths

    def forward(self, input: Tensor) -> Tensor:
        """Pad, unevenly if "same" requires it, then convolve (shapes: see the class)."""
        stride, side = self.stride[0], input.shape[-1]
        way = _find_way(self, input, self.in_channels, side)
        if way is None:
            return super().forward(input if self._pad is None else F.pad(input, self._pad))
        return conv2d_same(input, self.weight, stride, way, self.bias)


class PixelConv2d(nn.Conv2d):
    """A square convolution of images with even padding; with one channel its gradient has a fast path.

    Args:
        channels: Of the images, and of the output.
        size: Side of the kernel in pixels.
        stride: Stride in pixels.
        padding: Pixels on each side.
        fast_paths: Whether to use `dcgan_lightning.kernels`; "auto": where these were measured to be faster.
    """

    def __init__(
        self, channels: tuple[int, int], size: int, stride: int, padding: int, fast_paths: FastPaths = "auto"
    ) -> None:
        super().__init__(*channels, size, stride, padding)
        self.fast_paths = fast_paths

    def forward(self, input: Tensor) -> Tensor:
        """Convolve (see ``nn.Conv2d``)."""
        if input.ndim == 4 and choose.use_direct(self.fast_paths, input, self.in_channels):
            return conv2d_folded(input, self.weight, self.bias, self.stride[0], int(self.padding[0]))
        return super().forward(input)


class SameConvTranspose2d(nn.ConvTranspose2d):
    """A square transposed convolution without bias: a side of S pixels becomes S * stride.

    It is the gradient of `SameConv2d` with respect to its input, as Keras' ``Conv2DTranspose`` is that of
    ``Conv2D``.

    Args:
        in_channels: Channels of the input.
        out_channels: Channels of the output.
        kernel_size: Side of the kernel in pixels, at least the stride.
        stride: Stride in pixels.
        fast_paths: Whether to use `dcgan_lightning.kernels`; "auto": where these were measured to be faster;
            "bfloat16": as "auto", and training rounds the products in the frequency domain to bfloat16.

    Shape:
        (N, in_channels, S, S) to (N, out_channels, S * stride, S * stride).
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        stride: int,
        fast_paths: FastPaths = "auto",
    ) -> None:
        before, after = same_padding(kernel_size, stride)
        super().__init__(in_channels, out_channels, kernel_size, stride, padding=before, bias=False)
        self._crop = after - before  # padding=before already drops this many on both sides
        self.fast_paths = fast_paths

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Convolve, then crop the surplus rows and columns at the end (shapes: see the class)."""
        stride = self.stride[0]
        side = stride * input.shape[-1]
        way = _find_way(self, input, self.out_channels, side)
        if way is not None:
            return conv_transpose2d_same(input, self.weight, stride, way)
        output = super().forward(input, output_size)
        return output[..., : -self._crop, : -self._crop] if self._crop else output


class Dense(nn.Linear):
    """A linear layer without bias.

    Args:
        in_features: Length of an input.
        out_features: Length of an output.
        fast_paths: Whether to use `dcgan_lightning.kernels`; "auto": where these were measured to be faster.
    """

    def __init__(self, in_features: int, out_features: int, fast_paths: FastPaths = "auto") -> None:
        super().__init__(in_features, out_features, bias=False)
        self.fast_paths = fast_paths

    def forward(self, input: Tensor) -> Tensor:
        """Multiply (N, in_features) with the weights, to (N, out_features)."""
        if choose.use_products(self.fast_paths, input):
            return linear(input, self.weight)
        return super().forward(input)


class Dropout(nn.Dropout):
    """Dropout whose fast path draws different random numbers (see `dcgan_lightning.kernels.dropout`).

    Args:
        p: Probability that an activation is dropped, in [0, 1).
        fast_paths: Whether to use `dcgan_lightning.kernels`; "auto": where these were measured to be faster.
    """

    def __init__(self, p: float, fast_paths: FastPaths = "auto") -> None:
        super().__init__(p)
        self.fast_paths = fast_paths

    def forward(self, input: Tensor) -> Tensor:
        """Set a share of the activations to 0 and scale the others, in training mode only."""
        if self.training and self.p > 0 and choose.use_dropout(self.fast_paths, input):
            return dropout(input, self.p)
        return super().forward(input)


class _KerasBatchNorm(nn.modules.batchnorm._BatchNorm):
    """BatchNorm with Keras' defaults and Keras' moving variance.

    The moving variance averages sum / n over a batch of n values, as Keras does. PyTorch averages
    sum / (n - 1), which makes a difference in inference mode after small batches. PyTorch's momentum is
    1 minus Keras' (0.99).

    With several processes, mean and variance are computed over the values of all of them; each process must
    have equally many. (``nn.SyncBatchNorm`` does this on GPUs only, and with PyTorch's variance.)

    Source:
        ``keras.layers.BatchNormalization``: momentum 0.99, epsilon 1e-3.
    """

    def __init__(
        self, num_features: int, eps: float = 1e-3, momentum: float = 0.01, affine: bool = True
    ) -> None:
        super().__init__(num_features, eps, momentum, affine)

    def forward(self, input: Tensor) -> Tensor:
        """Normalise, and update the moving statistics in training mode."""
        if not self.training or self.running_var is None:
            return super().forward(input)
        if process_count() > 1:
            return self._forward_over_processes(input)
        momentum, count = cast(float, self.momentum), input.numel() // input.shape[1]
        share = (count - 1) / count
        # PyTorch adds a variance that is too large by 1 / share. It updates a copy, so that the correction
        # stays outside of autograd.
        moved = self.running_var / share
        output = F.batch_norm(
            input, self.running_mean, moved, self.weight, self.bias, True, momentum, self.eps
        )
        torch.mul(moved, share, out=self.running_var)
        cast(Tensor, self.num_batches_tracked).add_(1)
        return output

    def _forward_over_processes(self, input: Tensor) -> Tensor:
        channels = [1, -1] + [1] * (input.ndim - 2)
        all_but_channels = [dimension for dimension in range(input.ndim) if dimension != 1]
        values = input.float()
        mean = mean_over_processes(values.mean(all_but_channels))
        centred = values - mean.view(channels)
        variance = mean_over_processes(centred.square().mean(all_but_channels))
        with torch.no_grad():
            momentum = cast(float, self.momentum)
            cast(Tensor, self.running_mean).lerp_(mean, momentum)
            cast(Tensor, self.running_var).lerp_(variance, momentum)
            cast(Tensor, self.num_batches_tracked).add_(1)
        scale = torch.rsqrt(variance + self.eps)
        if not self.affine:
            return (centred * scale.view(channels)).to(input.dtype)
        scale = self.weight * scale
        return (centred * scale.view(channels) + self.bias.view(channels)).to(input.dtype)


class KerasBatchNorm1d(_KerasBatchNorm, nn.BatchNorm1d):
    """Keras' BatchNorm for (N, C)."""


class KerasBatchNorm2d(_KerasBatchNorm, nn.BatchNorm2d):
    """Keras' BatchNorm for (N, C, H, W)."""
