"""Matrix products of spectra: those of MKL, which PyTorch uses by itself, or of oneDNN.

On CPUs with AVX-512 that are not Intel's, MKL uses half of the CPU's width and oneDNN all of it. PyTorch
gives float32 products to oneDNN where they may be rounded to bfloat16. oneDNN does round on CPUs with matrix
units for bfloat16 (AMX): if a test product comes back rounded, MKL computes the products.

Each of the two has an order in memory in which it needs no copies: for MKL the images are outermost, for
oneDNN the parts. Shapes are the same for both.

Sizes in the shapes below: N images, P parts, S pixels, C, K and M channels.
"""

import contextlib
import functools
import threading
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from dcgan_lightning.kernels import choose

TEST_SHAPE = (9, 64, 128)  # P, N, K of the test product


def transform(matrix: Tensor, values: Tensor) -> Tensor:
    """Multiply the values of all images and channels with a matrix.

    Args:
        matrix: (P, S).
        values: (S, N, C).

    Returns:
        (P, N, C).
    """
    if not _is_onednns(values):
        return torch.matmul(matrix, values.transpose(0, 1)).transpose(0, 1)
    with onednn():
        return (matrix @ values.flatten(1)).view(len(matrix), *values.shape[1:])


def multiply(spectrum: Tensor, factors: Tensor) -> Tensor:
    """Multiply each part of a spectrum with its own matrix.

    Args:
        spectrum: (P, N, K).
        factors: (P, K, M).

    Returns:
        (P, N, M).
    """
    if _is_onednns(spectrum):
        with onednn():
            return torch.bmm(spectrum, factors)
    parts, count = spectrum.shape[:2]
    product = spectrum.new_empty(count, parts, factors.shape[2]).transpose(0, 1)
    return torch.bmm(spectrum, factors, out=product)


def correlate(first: Tensor, second: Tensor) -> Tensor:
    """Return the gradient of `multiply` for its factors.

    Args:
        first: The spectrum, (P, N, K).
        second: The product's gradient, (P, N, M).

    Returns:
        (P, K, M).
    """
    with onednn() if _is_onednns(first) else contextlib.nullcontext():
        return torch.bmm(first.mT, second)


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


def _is_onednns(values: Tensor) -> bool:
    return choose.use_onednn(values) and onednn_keeps_float32()
