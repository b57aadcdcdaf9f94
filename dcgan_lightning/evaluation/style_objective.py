"""The objective of style transfer: distances from a content and a style in a network's features."""

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from dcgan_lightning.evaluation.perceptual import PerceptualNetwork
from dcgan_lightning.losses.style import content_loss, gram, style_loss

_LEAST_VARIANCE = 0.05  # of a direction of colours, relative to that of the style's main direction


class Palette:
    """A linear map that whitens the colours of a style: mean 0 and variance about 1 in all directions.

    In these coordinates a colour that the style lacks costs as much as a wrong pattern, so that results have
    the style's colours.

    Args:
        mean: Mean colour, (C,).
        matrix: Map from centred to normalised colours, (C, C).
    """

    def __init__(self, mean: Tensor, matrix: Tensor) -> None:
        self.mean = mean.view(-1, 1, 1)
        self.matrix = matrix

    @classmethod
    def of(cls, styles: Sequence[Tensor], shares: Sequence[float]) -> Self:
        """Return the palette of images (C, H, W), weighted by their shares."""
        pixels = [style.flatten(1) for style in styles]
        mean = sum(share * each.mean(1) for share, each in zip(shares, pixels, strict=True))
        assert isinstance(mean, Tensor)
        apart = [each - mean[:, None] for each in pixels]
        spread = sum(share * each @ each.T / each.shape[1] for share, each in zip(shares, apart, strict=True))
        variances, directions = torch.linalg.eigh(spread)
        least = (_LEAST_VARIANCE * variances.max()).clamp_min(1e-4)
        return cls(mean, directions / variances.clamp_min(least).sqrt() @ directions.T)

    def __call__(self, images: Tensor) -> Tensor:
        """Return images (N, C, H, W) in normalised colours."""
        return torch.einsum("ij,njhw->nihw", self.matrix, images - self.mean)


class StyleObjective:
    """Distances of images from one or several style images and from content images.

    Args:
        network: Feature network.
        styles: Style images (C, H, W) in [-1, 1], of any sizes.
        shares: Weights of the styles, scaled to a sum of 1; None: equal weights.
        reduction: Integer factor by which images are downsampled before their content is compared, so that
            the style may change smaller details; 1: no downsampling.

    Source:
        Gatys et al. 2016, "Image Style Transfer Using Convolutional Neural Networks"; for masks Gatys et al.
        2017, https://arxiv.org/abs/1611.07865.
    """

    def __init__(
        self,
        network: PerceptualNetwork,
        styles: Sequence[Tensor],
        shares: Sequence[float] | None = None,
        reduction: int = 1,
    ) -> None:
        shares = [1.0] * len(styles) if shares is None else shares
        self.network = network
        self.reduction = reduction
        self.shares = [share / sum(shares) for share in shares]
        self.palette = Palette.of(styles, self.shares)
        with torch.no_grad():
            grams = [self._grams(style[None], None) for style in styles]
            self._wanted = [
                torch.stack([share * made for share, made in zip(self.shares, layer, strict=True)]).sum(0)
                for layer in zip(*grams, strict=True)
            ]
        # The first layer of networks with a palette is the colours themselves.
        self._weights = [2.0 if network.has_palette and not layer else 1.0 for layer in range(len(grams[0]))]

    def style_loss(self, images: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the style loss, averaged over images and layers.

        Args:
            images: (N, C, H, W) in [-1, 1].
            mask: Weights of the pixels, (N, 1, H, W) in [0, 1]; the rest is replaced by the style's mean
                colour. None: all pixels.
        """
        if mask is not None:
            images = torch.lerp(self.palette.mean.expand_as(images), images, mask)
        return style_loss(self._grams(images, mask), self._wanted, self._weights)

    def content(self, images: Tensor) -> Tensor:
        """Return the content activations of images (N, C, H, W) in [-1, 1]."""
        return self.network.content(images, self.reduction)

    def content_loss(self, images: Tensor, wanted: Tensor) -> Tensor:
        """Return the content loss of images against content activations (see `content`)."""
        return content_loss(self.content(images), wanted)

    def _grams(self, images: Tensor, mask: Tensor | None) -> list[Tensor]:
        seen = self.palette(images) if self.network.has_palette else images
        return [gram(layer, mask) for layer in self.network.style(seen)]
