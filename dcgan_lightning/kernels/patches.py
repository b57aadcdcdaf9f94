"""Convolutions with padding "same" next to the pixels: one matrix product over all patches of the image.

Where the larger image has a single channel, PyTorch's convolutions take as long as with many. Here the
patches under the kernel become the rows of a matrix; gathering them is cheap, because the images are the
innermost dimension while that is done, so whole rows are copied.

The transposed convolution does the same backwards: a matrix product gives the patches, which are added up.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan_lightning.kernels.convolution import Way


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


class Patches(Way):
    """Products of patches; what is prepared are the rows of matrices, one for each pixel of the results."""

    def from_images(self, images: Tensor) -> Tensor:
        """Return the patches, (N * S * S, C_in * k * k)."""
        return gather(images, self.size, self.stride)

    def from_results(self, results: Tensor) -> Tensor:
        """Return (N * S * S, C_out)."""
        return results.permute(0, 2, 3, 1).reshape(-1, results.shape[1])

    def to_results(self, images: Tensor, kernel: Tensor, channels_last: bool) -> Tensor:
        """Multiply each patch by the kernel; the results are channels last in memory."""
        rows = images @ kernel.flatten(1).t()
        return rows.view(-1, self.side, self.side, len(kernel)).permute(0, 3, 1, 2)

    def to_images(self, results: Tensor, kernel: Tensor) -> Tensor:
        """Add up the kernels at all pixels."""
        return scatter(results @ kernel.flatten(1), len(results) // self.side**2, self.size, self.stride)

    def weight_gradient(self, images: Tensor, results: Tensor, weight: Tensor) -> Tensor:
        """Multiply patches by gradients."""
        return torch.empty_like(weight).copy_((results.t() @ images).view(weight.shape))
