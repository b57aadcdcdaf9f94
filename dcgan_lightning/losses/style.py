"""Losses of style transfer: pure functions of a network's activations, and of images.

Source:
    Gatys et al. 2016, "Image Style Transfer Using Convolutional Neural Networks"; Johnson et al. 2016,
    https://arxiv.org/abs/1603.08155.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F


def gram(activations: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return how strongly each two channels are active together, averaged over the places of an image.

    Args:
        activations: (N, C, H, W).
        mask: (N, 1, h, w) of any size, at least 0: how much each place counts; None: all alike.

    Returns:
        (N, C, C), symmetric.

    Source:
        Johnson et al. 2016, equation 3 without the division by C; for the mask Gatys et al. 2017,
        https://arxiv.org/abs/1611.07865.
    """
    rows = activations.flatten(2)
    if mask is None:
        return rows @ rows.transpose(1, 2) / rows.shape[2]
    places = F.interpolate(mask, size=activations.shape[2:], mode="area").flatten(2)
    total = places.sum(dim=2, keepdim=True).clamp_min(1e-6)  # an empty mask gives zeros
    return (rows * places) @ rows.transpose(1, 2) / total


def content_loss(activations: Tensor, wanted: Tensor) -> Tensor:
    """Return the squared distance of the activations, relative to the size of the wanted ones.

    Args:
        activations: Of the made images, (N, C, H, W).
        wanted: Of the content images, of the same shape, or of one for all.

    Source:
        Johnson et al. 2016, equation 2, divided by the mean square of the wanted activations, so that a
        weight means about the same for any layer of any network.
    """
    return (activations - wanted).square().mean() / wanted.square().mean().clamp_min(1e-12)


def style_loss(grams: Sequence[Tensor], wanted: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Return the squared distances of Gram matrices, relative to the size of the wanted ones, averaged.

    Args:
        grams: Of the made images: for each layer (N, C, C).
        wanted: Of the style: for each layer (C, C) or (N, C, C).
        weights: Of the layers; only their ratios matter.

    Source:
        Gatys et al. 2016, equations 4 and 5, where each layer's term is divided by the squared norm of the
        wanted matrix, so that layers of different sizes of activations count alike.
    """
    terms = [
        weight * (made - target).square().sum(dim=(-2, -1)).mean() / target.square().sum(dim=(-2, -1)).mean()
        for made, target, weight in zip(grams, wanted, weights, strict=True)
    ]
    return torch.stack(terms).sum() / sum(weights)


def total_variation(images: Tensor) -> Tensor:
    """Return the mean absolute difference of neighbouring pixels, down plus across.

    Args:
        images: (N, C, H, W) with sides of at least 2.

    Source:
        Rudin, Osher and Fatemi 1992, in the anisotropic form.
    """
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().mean()
    across = (images[..., :, 1:] - images[..., :, :-1]).abs().mean()
    return down + across
