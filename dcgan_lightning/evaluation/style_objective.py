"""What style transfer minimises: how far images are from a content and from a style, to a feature network."""

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from dcgan_lightning.evaluation.perceptual import PerceptualNetwork
from dcgan_lightning.losses.style import content_loss, gram, style_loss

_LEAST_VARIANCE = 0.05  # of a direction of colours, relative to that of the style's main direction


class Palette:
    """The colours of a style, as a map that gives them mean 0 and, in all directions, about variance 1.

    In these coordinates a colour that the style lacks is as wrong as a wrong pattern, so that results keep to
    the style's colours.

    Args:
        mean: Of the colours, (C,).
        matrix: From colours without their mean to normalised ones, (C, C).
    """

    def __init__(self, mean: Tensor, matrix: Tensor) -> None:
        self.mean = mean.view(-1, 1, 1)
        self.matrix = matrix

    @classmethod
    def of(cls, styles: Sequence[Tensor], shares: Sequence[float]) -> Self:
        """Return the palette of images (C, H, W), each of which counts by its share."""
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
    """Distances of images from some style images and from content images.

    Args:
        network: Gives the activations.
        styles: Images (C, H, W) in [-1, 1], of any sizes.
        shares: How much each counts; they are scaled to a sum of 1.
        reduction: Whole factor by which images are reduced before their content is compared: then the style
            is free to change what is smaller. 1: not at all.

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
        """Return how far the images are from the style, averaged over images and layers.

        Args:
            images: (N, C, H, W) in [-1, 1].
            mask: (N, 1, H, W) in [0, 1]: how much each pixel counts; the rest is taken for the style's mean
                colour. None: all count.
        """
        if mask is not None:
            images = torch.lerp(self.palette.mean.expand_as(images), images, mask)
        return style_loss(self._grams(images, mask), self._wanted, self._weights)

    def content(self, images: Tensor) -> Tensor:
        """Return what is compared of the content of images (N, C, H, W) in [-1, 1]."""
        return self.network.content(images, self.reduction)

    def content_loss(self, images: Tensor, wanted: Tensor) -> Tensor:
        """Return how far the content of images is from that of others, for which see `content`."""
        return content_loss(self.content(images), wanted)

    def _grams(self, images: Tensor, mask: Tensor | None) -> list[Tensor]:
        seen = self.palette(images) if self.network.has_palette else images
        return [gram(layer, mask) for layer in self.network.style(seen)]
