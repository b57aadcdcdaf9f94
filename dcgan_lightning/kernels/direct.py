"""Convolutions with padding "same" next to the pixels, for CPUs with AVX-512.

With one channel, PyTorch's convolution and its kernel's gradient are fast there, its transposed convolution
is not. Here that one is a convolution of single points, which gives the patches, and their sum, as in
`dcgan_lightning.kernels.patches`.
"""

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.nn.grad import conv2d_weight

from dcgan_lightning.kernels.convolution import Way
from dcgan_lightning.kernels.patches import scatter


class Direct(Way):
    """PyTorch's own convolutions; what is prepared are padded images, and results as they are."""

    def from_images(self, images: Tensor) -> Tensor:
        """Pad."""
        total = self.size - self.stride
        before, after = total // 2, total - total // 2
        padded = F.pad(images.permute(0, 2, 3, 1), (0, 0, before, after, before, after))
        # Strides that say "channels last" for one channel too; PyTorch takes its layout from them.
        return padded.contiguous().permute(0, 3, 1, 2)

    def from_results(self, results: Tensor) -> Tensor:
        """Do nothing."""
        return results

    def to_results(self, images: Tensor, kernel: Tensor, channels_last: bool) -> Tensor:
        """Convolve; the results are channels last in memory."""
        return F.conv2d(images, kernel, None, self.stride)

    def to_images(self, results: Tensor, kernel: Tensor) -> Tensor:
        """Make patches by a convolution of single points, and add them up."""
        points = kernel.flatten(1).t()[..., None, None]  # (C_in * k * k, C_out, 1, 1)
        patches = F.conv2d(results.contiguous(memory_format=torch.channels_last), points)
        rows = patches.permute(0, 2, 3, 1).reshape(-1, len(points))
        return scatter(rows, len(results), self.size, self.stride)

    def weight_gradient(self, images: Tensor, results: Tensor, weight: Tensor) -> Tensor:
        """Ask PyTorch."""
        return torch.empty_like(weight).copy_(conv2d_weight(images, weight.shape, results, self.stride))
