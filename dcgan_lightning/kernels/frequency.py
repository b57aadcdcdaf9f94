"""Convolutions with padding "same" as products in the frequency domain.

A 5 x 5 kernel on 7 x 7 pixels is a cyclic convolution of 9 x 9: what wraps around falls on outputs that
"same" does not have. A discrete Fourier transform turns it into products of single frequencies, 41 of them
(an image of real numbers has each other one twice), each a matrix product over the channels. That takes an
eighth of the multiplications. The transforms are matrix products too, with fixed matrices of cosines and
sines. Nothing is approximated: in float32 the error is a quarter of the direct convolution's, which has
longer sums.

A stride of 2 is led back to stride 1: each 2 x 2 block of pixels becomes four channels, of image and kernel
alike.

With A the transform of images and B that of kernels, both real matrices::

    convolution             y = A'[(A x) (B w)]
    its gradients          dx = A'[(A dy) (B w)*],   dw = B'[(A x)* (A dy)]

where the products are complex, one for each frequency, ' transposes and * conjugates and transposes. The
transposed convolution is the formula of dx. A complex number stands as a pair of real ones in an image's
spectrum and as a 2 x 2 matrix in a kernel's, whose transpose is its conjugate::

    (a, b) [[c, d], [-d, c]] = (a c - b d, a d + b c)        for (a + b i) (c + d i)

so each frequency is one real matrix product with twice the channels.

Sizes in the shapes below: N images, C channels, S pixels a side of an image (blocks, if the stride is 2), T
taps a side of a kernel, P parts of a spectrum: R frequencies that are their own opposite and have no
imaginary part, then F pairs of real and imaginary part, so P = R + 2 F.

Source:
    Mathieu et al. 2014, https://arxiv.org/abs/1312.5851, for networks in the frequency domain.
"""

import functools
import math
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


def conv2d_same(images: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Convolve with padding "same" and without bias.

    Args:
        images: (N, C_in, S * stride, S * stride), float32 or float64.
        weight: (C_out, C_in, k, k), of the same type, as ``nn.Conv2d`` has it; k >= stride.
        stride: Pixels from one output to the next.

    Returns:
        (N, C_out, S, S), channels last in memory.
    """
    result: Tensor = _Convolution.apply(images, weight, stride)
    return result


def conv_transpose2d_same(images: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Convolve transposed, with padding "same" and without bias.

    Args:
        images: (N, C_in, S, S), float32 or float64.
        weight: (C_in, C_out, k, k), of the same type, as ``nn.ConvTranspose2d`` has it; k >= stride.
        stride: Pixels of the result for each pixel of the images.

    Returns:
        (N, C_out, S * stride, S * stride), channels last in memory.
    """
    result: Tensor = _TransposedConvolution.apply(images, weight, stride)
    return result


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

    def from_images(self, images: Tensor, stride: int) -> Tensor:
        """Turn (N, C, S * stride, S * stride) into (N, S * S, stride * stride * C)."""
        count, channels = images.shape[:2]
        pixels = images.permute(0, 2, 3, 1)
        if stride > 1:
            pixels = (
                pixels.unflatten(2, (self.side, stride)).unflatten(1, (self.side, stride)).transpose(2, 3)
            )
        return pixels.reshape(count, self.side**2, stride**2 * channels)

    def to_images(self, blocks: Tensor, stride: int) -> Tensor:
        """Undo `from_images`; the result is channels last."""
        pixels = blocks.unflatten(1, (self.side, self.side))
        if stride > 1:
            pixels = pixels.unflatten(3, (stride, stride, -1)).transpose(2, 3).flatten(3, 4).flatten(1, 2)
        return pixels.permute(0, 3, 1, 2)

    def from_kernel(self, weight: Tensor) -> Tensor:
        """Turn (C_out, C_in, k, k) into (T * T, stride * stride * C_in * C_out)."""
        whole = F.pad(weight, self.fill * 2).permute(2, 3, 1, 0)
        taps, stride = self.taps, self.stride
        return (
            whole.unflatten(1, (taps, stride))
            .unflatten(0, (taps, stride))
            .transpose(1, 2)
            .reshape(taps**2, -1)
        )

    def to_kernel(self, blocks: Tensor, like: Tensor) -> Tensor:
        """Undo `from_kernel`, in the shape and memory format of ``like``."""
        taps, stride = self.taps, self.stride
        whole = blocks.view(taps, taps, stride, stride, like.shape[1], like.shape[0])
        whole = whole.transpose(1, 2).flatten(2, 3).flatten(0, 1).permute(3, 2, 0, 1)
        kept = slice(self.fill[0], self.fill[0] + like.shape[-1])
        return torch.empty_like(like).copy_(whole[..., kept, kept])


class Transforms(NamedTuple):
    """The matrices of a convolution's frequency domain.

    Attributes:
        image: A, (P, S * S).
        kernel: B, (P, T * T); has the inverse transform's factors in it.
        own_opposites: R.
    """

    image: Tensor
    kernel: Tensor
    own_opposites: int


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

    factors = torch.tensor([1.0] * len(own) + [2.0] * 2 * len(others), dtype=torch.float64) / period**2
    image = waves(torch.arange(side), -1)
    kernel = waves(torch.arange(taps) - before, 1) * factors.unsqueeze(1)
    return Transforms(image.to(device, dtype), kernel.to(device, dtype), len(own))


class Operator(NamedTuple):
    """A kernel's spectrum, as what an image's spectrum is multiplied by.

    Attributes:
        own: (R, C_in, C_out), the frequencies without imaginary part.
        pairs: (F, 2 * C_in, 2 * C_out), the others as real matrices of 2 x 2 blocks.
    """

    own: Tensor
    pairs: Tensor

    @classmethod
    def of(cls, spectrum: Tensor, own_opposites: int) -> "Operator":
        """Make one of a spectrum, (P, C_in, C_out)."""
        real, imaginary = spectrum[own_opposites:].unflatten(0, (-1, 2)).unbind(1)
        count, inputs, outputs = real.shape
        pairs = spectrum.new_empty(count, 2, inputs, 2, outputs)
        pairs[:, 0, :, 0] = real
        pairs[:, 0, :, 1] = imaginary
        torch.neg(imaginary, out=pairs[:, 1, :, 0])
        pairs[:, 1, :, 1] = real
        return cls(spectrum[:own_opposites], pairs.flatten(3, 4).flatten(1, 2))

    def to_spectrum(self) -> Tensor:
        """Return (P, C_in, C_out): the transpose of `of`, for gradients."""
        own_opposites, inputs, outputs = self.own.shape
        pairs = self.pairs.view(-1, 2, inputs, 2, outputs)
        spectrum = self.own.new_empty(own_opposites + 2 * len(pairs), inputs, outputs)
        spectrum[:own_opposites] = self.own
        others = spectrum[own_opposites:].unflatten(0, (-1, 2))
        torch.add(pairs[:, 0, :, 0], pairs[:, 1, :, 1], out=others[:, 0])
        torch.sub(pairs[:, 0, :, 1], pairs[:, 1, :, 0], out=others[:, 1])
        return spectrum

    @property
    def conjugate(self) -> "Operator":
        """The conjugate transpose."""
        return Operator(self.own.mT, self.pairs.mT)

    def apply(self, spectrum: Tensor) -> Tensor:
        """Multiply an image's spectrum, (N, P, C_in), and return one of (N, P, C_out)."""
        own_opposites, _, outputs = self.own.shape
        product = spectrum.new_empty(*spectrum.shape[:2], outputs)
        for factor, matrix, result in zip(
            _by_frequency(spectrum, own_opposites), self, _by_frequency(product, own_opposites), strict=True
        ):
            torch.bmm(factor, matrix, out=result)
        return product

    @classmethod
    def correlate(cls, first: Tensor, second: Tensor, own_opposites: int) -> "Operator":
        """Return the gradient of `apply` for its operator.

        Args:
            first: What it was applied to, (N, P, C_in).
            second: The result's gradient, (N, P, C_out).
            own_opposites: R.
        """
        own, pairs = _by_frequency(first, own_opposites)
        own_second, pairs_second = _by_frequency(second, own_opposites)
        return cls(torch.bmm(own.mT, own_second), torch.bmm(pairs.mT, pairs_second))


def _by_frequency(spectrum: Tensor, own_opposites: int) -> tuple[Tensor, Tensor]:
    """Return views of (N, P, C): (R, N, C) and, of the pairs, (F, N, 2 * C)."""
    pairs = spectrum[:, own_opposites:].unflatten(1, (-1, 2)).flatten(2)
    return spectrum[:, :own_opposites].transpose(0, 1), pairs.transpose(0, 1)


class _Domain:
    """One convolution's way to the frequency domain and back."""

    def __init__(self, side: int, weight: Tensor, stride: int) -> None:
        self.blocks = Blocks.of(side, weight.shape[-1], stride)
        self.image_matrix, self.kernel_matrix, self.own_opposites = transforms(
            side, self.blocks.taps, self.blocks.before, weight.dtype, weight.device
        )

    def from_images(self, images: Tensor, stride: int = 1) -> Tensor:
        """Return the spectrum of images, (N, P, C)."""
        return torch.matmul(self.image_matrix, self.blocks.from_images(images, stride))

    def to_images(self, spectrum: Tensor, stride: int = 1) -> Tensor:
        blocks = torch.matmul(self.image_matrix.t(), spectrum)
        del spectrum  # before the next copy: it is the largest tensor of a training
        return self.blocks.to_images(blocks, stride)

    def from_kernel(self, weight: Tensor) -> Operator:
        spectrum = self.kernel_matrix @ self.blocks.from_kernel(weight)
        return Operator.of(spectrum.view(len(spectrum), -1, len(weight)), self.own_opposites)

    def kernel_gradient(self, first: Tensor, second: Tensor, like: Tensor) -> Tensor:
        spectrum = Operator.correlate(first, second, self.own_opposites).to_spectrum()
        return self.blocks.to_kernel(self.kernel_matrix.t() @ spectrum.flatten(1), like)


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, stride: int) -> Tensor:
        domain = _Domain(images.shape[-1] // stride, weight, stride)
        x, w = domain.from_images(images, stride), domain.from_kernel(weight)
        ctx.domain, ctx.stride = domain, stride
        ctx.save_for_backward(x, *w, weight)
        return domain.to_images(w.apply(x))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, own, pairs, weight = ctx.saved_tensors
        domain: _Domain = ctx.domain
        dy = domain.from_images(gradients[0])
        d_images = d_weight = None
        if ctx.needs_input_grad[0]:
            d_images = domain.to_images(Operator(own, pairs).conjugate.apply(dy), ctx.stride)
        if ctx.needs_input_grad[1]:
            d_weight = domain.kernel_gradient(x, dy, weight)
        return d_images, d_weight, None


class _TransposedConvolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, stride: int) -> Tensor:
        domain = _Domain(images.shape[-1], weight, stride)
        x, w = domain.from_images(images), domain.from_kernel(weight)
        ctx.domain, ctx.stride = domain, stride
        ctx.save_for_backward(x, *w, weight)
        return domain.to_images(w.conjugate.apply(x), stride)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        x, own, pairs, weight = ctx.saved_tensors
        domain: _Domain = ctx.domain
        dy = domain.from_images(gradients[0], ctx.stride)
        d_images = d_weight = None
        if ctx.needs_input_grad[0]:
            d_images = domain.to_images(Operator(own, pairs).apply(dy))
        if ctx.needs_input_grad[1]:
            d_weight = domain.kernel_gradient(dy, x, weight)
        return d_images, d_weight, None
