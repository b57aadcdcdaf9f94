"""Matrix products of each part of a spectrum: PyTorch's, or those of oneDNN.

On CPUs with AVX-512 that are not Intel's, PyTorch's matrix products (MKL) use half of the CPU's width, its
convolutions (oneDNN) all of it. One convolution of a single point with as many groups as there are parts is
the same set of products.

Sizes in the shapes below: N images, P parts, K and M channels.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan_lightning.kernels import choose


def multiply(spectrum: Tensor, factors: Tensor) -> Tensor:
    """Multiply each part of a spectrum with its own matrix.

    Args:
        spectrum: (N, P, K), contiguous.
        factors: (P, K, M), in any layout.

    Returns:
        (N, P, M), contiguous.
    """
    if choose.use_grouped(spectrum, factors):
        return multiply_grouped(spectrum, factors)
    product = spectrum.new_empty(*spectrum.shape[:2], factors.shape[2])
    torch.bmm(spectrum.transpose(0, 1), factors, out=product.transpose(0, 1))
    return product


def multiply_grouped(spectrum: Tensor, factors: Tensor) -> Tensor:
    """Do `multiply` as a convolution: the images are its points, each part's channels a group."""
    count, parts, inputs = spectrum.shape
    points = spectrum.view(1, count, 1, parts * inputs).permute(0, 3, 1, 2)  # channels last
    kernels = factors.mT.reshape(-1, inputs, 1, 1)
    return F.conv2d(points, kernels, groups=parts).permute(0, 2, 3, 1).reshape(count, parts, -1)


def correlate(first: Tensor, second: Tensor) -> Tensor:
    """Return the gradient of `multiply` for its factors.

    Args:
        first: The spectrum, (N, P, K).
        second: The product's gradient, (N, P, M).

    Returns:
        (P, K, M).
    """
    return torch.bmm(first.permute(1, 2, 0), second.transpose(0, 1))
