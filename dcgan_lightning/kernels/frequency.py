"""Convolutions with padding "same" as products in the frequency domain.

A 5 x 5 kernel on 7 x 7 pixels is a cyclic convolution of 9 x 9: what wraps around falls on outputs that
"same" does not have. A discrete Fourier transform turns it into products of single frequencies, 41 of them
(an image of real numbers has each other one twice), each a matrix product over the channels. That takes an
eighth of the multiplications. The transforms are matrix products too, with fixed matrices of cosines and
sines. Nothing is approximated: in float32 the error is rounding, of the size of the direct convolution's
(4e-7 to 5e-7 against 3e-7 for a result, 4e-7 against 9e-7 for a kernel's gradient, which has longer sums).

A stride of 2 is led back to stride 1: each 2 x 2 block of pixels becomes four channels, of image and kernel
alike.

A product of complex numbers is three products of real ones::

    (a + b i) (c + d i) = (k1 - k3) + (k1 + k2) i
    k1 = (a + b) c,   k2 = a (d - c),   k3 = b (c + d)

and the sums on both sides are linear, so the transforms take them in. With A the transform of images, B that
of kernels and C the way back, all real matrices::

    convolution             y = C[(A x) (B w)]
    its gradients          dx = A'[(C' dy) (B w)'],   dw = B'[(A x)' (C' dy)]

where the products are real ones over the channels, one for each part of the spectrum, and ' transposes. The
transposed convolution is the formula of dx.

Sizes in the shapes below: N images, C channels, S pixels a side of an image (blocks, if the stride is 2), T
taps a side of a kernel, P parts of a spectrum: R frequencies that are their own opposite and have no
imaginary part, then three for each of the F others, so P = R + 3 F.

Source:
    Mathieu et al. 2014, https://arxiv.org/abs/1312.5851, for networks in the frequency domain; Knuth, The Art
    of Computer Programming, 4.6.4, for three products.
"""

import functools
import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan_lightning.kernels.convolution import Way
from dcgan_lightning.kernels.products import (
    correlate,
    invert,
    invert_channels_first,
    multiply,
    transform,
)


class Blocks(NamedTuple):
    """A strided "same" convolution as one of stride 1 between blocks of stride x stride pixels.

    Attributes:
        side: S, blocks a side of the image.
        stride: Pixels a side of a block.
        taps: T, blocks a side of the kernel.
        before: Taps before the one that falls on the output's own block.
        fill: Zeros before and after that make the kernel's side T * stride.
    """

    side: int
    stride: int
    taps: int
    before: int
    fill: tuple[int, int]

    @classmethod
    def of(cls, side: int, kernel_size: int, stride: int) -> "Blocks":
        """Lay out a convolution whose smaller image has ``side`` pixels a side."""
        padding = (kernel_size - stride) // 2  # before the image, as in `same_padding`
        before = -(-padding // stride)
        fill_before = before * stride - padding
        taps = -(-(fill_before + kernel_size) // stride)
        return cls(side, stride, taps, before, (fill_before, taps * stride - fill_before - kernel_size))


def to_blocks(images: Tensor, stride: int) -> Tensor:
    """View (N, C, S * stride, S * stride) as (S, S, N, stride, stride, C)."""
    blocks = images.unflatten(3, (-1, stride)).unflatten(2, (-1, stride))
    return blocks.permute(2, 4, 0, 3, 5, 1)


def from_blocks(blocks: Tensor, side: int, stride: int) -> Tensor:
    """Lay (S * S, N, stride * stride * C) out as (N, C, S * stride, S * stride), channels last."""
    pixels = blocks.transpose(0, 1).unflatten(1, (side, side))
    if stride > 1:
        channels = blocks.shape[2] // stride**2
        pixels = pixels.unflatten(3, (stride, stride, channels)).transpose(2, 3).flatten(3, 4).flatten(1, 2)
    return pixels.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)


class Transforms(NamedTuple):
    """The matrices of a convolution's frequency domain.

    Attributes:
        image: A, (P, S * S).
        kernel: B, (P, T * T); has the inverse transform's factors in it.
        back: C, (S * S, P).
    """

    image: Tensor
    kernel: Tensor
    back: Tensor


# What the three products of a complex one have of (real, imaginary) part.
_OF_IMAGE = ((1, 1), (1, 0), (0, 1))
_OF_KERNEL = ((1, 0), (-1, 1), (1, 1))
_OF_RESULT = ((1, 1), (0, 1), (-1, 0))


@functools.lru_cache(maxsize=64)
def transforms(side: int, taps: int, before: int, dtype: torch.dtype, device: torch.device) -> Transforms:
    """Return the matrices for a side of S and T taps, ``before`` of them before the centre."""
    period = side + max(before, taps - 1 - before)  # the shortest that wraps around onto no output
    every = [(u, v) for u in range(period) for v in range(period)]
    opposite = {(u, v): (-u % period, -v % period) for u, v in every}
    own = [pair for pair in every if pair == opposite[pair]]
    others = [pair for pair in every if pair < opposite[pair]]  # each stands for its opposite too

    def waves(positions: Tensor, sign: int) -> Tensor:
        rows, columns = torch.meshgrid(positions, positions, indexing="ij")
        places = torch.stack([rows.flatten(), columns.flatten()]).double()
        angles = torch.tensor(own + others, dtype=torch.float64) @ places * (2 * math.pi / period)
        pairs = torch.stack([angles.cos(), sign * angles.sin()], dim=1)[len(own) :]
        return torch.cat([angles[: len(own)].cos(), pairs.flatten(0, 1)])

    def triples(parts: Tensor, shares: tuple[tuple[int, int], ...]) -> Tensor:
        pairs = parts[len(own) :].unflatten(0, (-1, 2))
        return torch.cat([parts[: len(own)], (pairs.new_tensor(shares) @ pairs).flatten(0, 1)])

    factors = torch.tensor([1.0] * len(own) + [2.0] * 2 * len(others), dtype=torch.float64) / period**2
    image = waves(torch.arange(side), -1)
    kernel = waves(torch.arange(taps) - before, 1) * factors.unsqueeze(1)
    matrices = triples(image, _OF_IMAGE), triples(kernel, _OF_KERNEL), triples(image, _OF_RESULT).t()
    return Transforms(*(matrix.to(device, dtype) for matrix in matrices))


class Frequency(Way):
    """Products in the frequency domain; what is prepared are spectra, (P, N, C)."""

    rounded_to: torch.dtype | None = None  # what products are computed in, if not in the weight's own type

    def __init__(self, side: int, weight: Tensor, stride: int) -> None:
        super().__init__(side, weight, stride)
        self.dtype = self.rounded_to or weight.dtype
        self.result_dtype = weight.dtype
        self.blocks = Blocks.of(side, self.size, stride)
        self.image_matrix, self.kernel_matrix, self.back_matrix = transforms(
            side, self.blocks.taps, self.blocks.before, self.dtype, weight.device
        )

    def from_images(self, images: Tensor) -> Tensor:
        """Return the spectrum of images, (P, N, stride * stride * C_in)."""
        return transform(self.image_matrix, to_blocks(images.to(self.dtype), self.stride))

    def from_results(self, results: Tensor) -> Tensor:
        """Return the spectrum of results, (P, N, C_out), as gradients have it."""
        return transform(self.back_matrix.t(), to_blocks(results.to(self.dtype), 1))

    def from_weight(self, weight: Tensor) -> Tensor:
        """Return the spectrum of a kernel, (P, C_out, stride * stride * C_in)."""
        filled = F.pad(weight.to(self.dtype), self.blocks.fill * 2)
        return transform(self.kernel_matrix, to_blocks(filled, self.stride))

    def to_results(self, images: Tensor, kernel: Tensor, channels_last: bool) -> Tensor:
        """Convolve the spectrum of images."""
        spectrum = multiply(images, kernel.mT)
        if channels_last:
            results = from_blocks(invert(self.back_matrix, spectrum), self.side, 1)
        else:
            results = invert_channels_first(self.back_matrix, spectrum).unflatten(2, (self.side, self.side))
        return results.to(self.result_dtype)

    def to_images(self, results: Tensor, kernel: Tensor) -> Tensor:
        """Convolve the spectrum of results, transposed; the images are channels last in memory."""
        spectrum = multiply(results, kernel)
        blocks = invert(self.image_matrix.t(), spectrum)
        del spectrum  # before the next copy: it is the largest tensor of a training
        return from_blocks(blocks, self.side, self.stride).to(self.result_dtype)

    def weight_gradient(self, images: Tensor, results: Tensor, weight: Tensor) -> Tensor:
        """Return the kernel's gradient of the spectra of images and of results' gradients."""
        taps = invert(self.kernel_matrix.t(), correlate(images, results))
        filled = from_blocks(taps, self.blocks.taps, self.stride)
        kept = slice(self.blocks.fill[0], self.blocks.fill[0] + self.size)
        return torch.empty_like(weight).copy_(filled[..., kept, kept])


class BFloat16Frequency(Frequency):
    """Products and transforms of values rounded to bfloat16; their sums are in float32, then rounded."""

    rounded_to = torch.bfloat16
