"""A bank of random filters at several scales, for texture statistics without a trained network."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan_lightning.core.randomness import stream_generator


class FilterBank(nn.Module):
    """Rectified responses of fixed random filters to the image and to copies downsampled by 2, 4, ...

    Args:
        channels: Channels of the images.
        filters: Number of filters.
        size: Side of a filter in pixels, odd.
        scales: Number of resolutions, >= 1: the full one and each half of the one before.
        seed: Seed of the filters.

    Source:
        Ustyuzhaninov et al. 2016, https://arxiv.org/abs/1606.00021, who use larger filters instead of smaller
        images.
    """

    filters: Tensor

    def __init__(
        self, channels: int, filters: int = 48, size: int = 9, scales: int = 3, seed: int = 0
    ) -> None:
        super().__init__()
        self.scales = scales
        drawn = torch.randn(filters, channels, size, size, generator=stream_generator(seed, "init"))
        offsets = torch.arange(size) - (size - 1) / 2
        window = torch.exp(-0.5 * (offsets / (size / 3.5)) ** 2)
        drawn = drawn * window[:, None] * window
        drawn -= drawn.mean(dim=(2, 3), keepdim=True)  # no response to flat areas
        self.register_buffer("filters", drawn / drawn.flatten(1).norm(dim=1).view(-1, 1, 1, 1))

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the activations at each scale, full resolution first.

        Args:
            images: (N, channels, H, W), normalised in the same way as the style's images (see `Palette`).

        Returns:
            (N, filters, H, W), (N, filters, H // 2, W // 2), ..., all >= 0.
        """
        found = []
        for scale in range(self.scales):
            if scale:
                images = F.avg_pool2d(images, 2)
            edge = min(self.filters.shape[-1] // 2, *(side - 1 for side in images.shape[2:]))
            padded = F.pad(images, [edge] * 4, mode="reflect")
            missing = self.filters.shape[-1] // 2 - edge
            found.append(F.relu(F.conv2d(F.pad(padded, [missing] * 4), self.filters)))
        return found
