"""Matrix products of spectra and of dense layers: those of MKL, which PyTorch uses by itself, or of oneDNN.

On CPUs with AVX-512 that are not Intel's, MKL uses half of the CPU's width and oneDNN all of it. PyTorch
gives float32 products to oneDNN where they may be rounded to bfloat16. oneDNN does round on CPUs with matrix
units for bfloat16 (AMX): if a test product comes back rounded, MKL computes the products.

Each of the two has an order in memory in which it needs no copies: for MKL the images are outermost, for
oneDNN the parts. Shapes are the same for both.

Sizes in the shapes below: N images, P parts, S pixels or blocks of them, C, K and M channels.
"""

import contextlib
import functools
import math
import threading
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan_lightning.kernels import choose

TEST_SHAPE = (9, 64, 128)  # P, N, K of the test product


def transform(matrix: Tensor, blocks: Tensor) -> Tensor:
    """Multiply the values of all images and channels with a matrix.

    Args:
        matrix: (P, S).
        blocks: (rows, columns, N, ...), S = rows * columns; what follows N are channels. Any order in memory.

    Returns:
        (P, N, C), C the product of what follows N.
    """
    parts, positions = matrix.shape
    count, channels = blocks.shape[2], math.prod(blocks.shape[3:])
    if not is_onednns(blocks):
        values = blocks.movedim(2, 0).reshape(count, positions, channels)
        return torch.matmul(matrix, values).transpose(0, 1)
    with onednn():
        return (matrix @ blocks.reshape(positions, count * channels)).view(parts, count, channels)


def invert(matrix: Tensor, spectrum: Tensor) -> Tensor:
    """Multiply the parts of all images and channels with a matrix.

    Args:
        matrix: (S, P).
        spectrum: (P, N, C).

    Returns:
        (S, N, C).
    """
    if not is_onednns(spectrum):
        return torch.matmul(matrix, spectrum.transpose(0, 1)).transpose(0, 1)
    with onednn():
        return (matrix @ spectrum.flatten(1)).view(len(matrix), *spectrum.shape[1:])


def invert_channels_first(matrix: Tensor, spectrum: Tensor) -> Tensor:
    """Do what `invert` does, but return (N, C, S), contiguous."""
    if not is_onednns(spectrum):
        return torch.matmul(spectrum.transpose(0, 1).mT, matrix.t())
    with onednn():
        return (spectrum.flatten(1).t() @ matrix.t()).view(*spectrum.shape[1:], len(matrix))


def multiply(spectrum: Tensor, factors: Tensor) -> Tensor:
    """Multiply each part of a spectrum with its own matrix.

    Args:
        spectrum: (P, N, K).
        factors: (P, K, M).

    Returns:
        (P, N, M).
    """
    if is_onednns(spectrum):
        with onednn():
            return torch.bmm(spectrum, factors)
    parts, count = spectrum.shape[:2]
    product = spectrum.new_empty(count, parts, factors.shape[2]).transpose(0, 1)
    return torch.bmm(spectrum, factors, out=product)


def correlate(spectrum: Tensor, gradient: Tensor) -> Tensor:
    """Return the gradient of `multiply` for its factors, transposed, which is faster.

    Args:
        spectrum: (P, N, K).
        gradient: The product's gradient, (P, N, M).

    Returns:
        (P, M, K).
    """
    with onednn() if is_onednns(spectrum) else contextlib.nullcontext():
        return torch.bmm(gradient.mT, spectrum)


def linear(inputs: Tensor, weight: Tensor) -> Tensor:
    """Multiply each input with a dense layer's weights.

    Args:
        inputs: (N, K); of other shapes as ``F.linear`` takes them.
        weight: (M, K), as ``nn.Linear`` has it.

    Returns:
        (N, M).
    """
    if inputs.ndim != 2 or not is_onednns(inputs):
        return F.linear(inputs, weight)
    result: Tensor = _Linear.apply(inputs, weight)
    return result


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, inputs: Tensor, weight: Tensor) -> Tensor:
        needs_inputs, needs_weight = ctx.needs_input_grad  # what is not kept may be changed
        ctx.save_for_backward(inputs if needs_weight else None, weight if needs_inputs else None)
        with onednn():
            return inputs @ weight.t()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None]:
        inputs, weight = ctx.saved_tensors
        (gradient,) = gradients
        needs_inputs, needs_weight = ctx.needs_input_grad
        d_inputs = _Linear.apply(gradient, weight.t()) if needs_inputs else None
        d_weight = _Linear.apply(gradient.t(), inputs.t()) if needs_weight else None
        return d_inputs, d_weight


class _Rounding:
    """PyTorch's setting that float32 products may be rounded, shared by all threads that compute."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._before = ""

    @contextlib.contextmanager
    def allowed(self) -> Iterator[None]:
        settings = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
        with self._lock:
            if not self._users:
                self._before = settings.fp32_precision
                settings.fp32_precision = "bf16"
            self._users += 1
        try:
            yield
        finally:
            with self._lock:
                self._users -= 1
                if not self._users:
                    settings.fp32_precision = self._before


_rounding = _Rounding()


def onednn() -> contextlib.AbstractContextManager[None]:
    """Let oneDNN compute float32 products of matrices, on CPUs with AVX-512, and allow it to round them."""
    return _rounding.allowed()


@functools.cache
def onednn_keeps_float32() -> bool:
    """Return whether this CPU's products by oneDNN are those of float32, by a test product."""
    parts, count, channels = TEST_SHAPE
    kind: dict[str, Any] = {"dtype": torch.float32, "device": "cpu"}
    spectrum = torch.rand(parts, count, channels, generator=torch.Generator().manual_seed(0), **kind)
    identities = torch.eye(channels, **kind).repeat(parts, 1, 1)
    with onednn(), torch.autocast("cpu", enabled=False):
        return torch.equal(torch.bmm(spectrum, identities), spectrum)


def is_onednns(values: Tensor) -> bool:
    """Return whether oneDNN computes products of these values."""
    return choose.use_onednn(values) and (values.dtype == torch.bfloat16 or onednn_keeps_float32())
