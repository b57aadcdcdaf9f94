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
    """Return Gram matrices: the products of each pair of channels, averaged over the positions of an image.

    Args:
        activations: (N, C, H, W).
        mask: Weights of the positions, (N, 1, h, w) of any size, >= 0; None: equal weights.

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
    """Return the mean squared difference of activations, relative to the mean square of the target.

    Args:
        activations: Activations of the stylised images, (N, C, H, W).
        wanted: Activations of the content images, the target: (N, C, H, W), or (1, C, H, W) for all.

    Returns:
        A scalar, >= 0.

    Source:
        Johnson et al. 2016, equation 2, divided by the mean square of the target, so that a weight has about
        the same effect for any layer of any network.
    """
    return (activations - wanted).square().mean() / wanted.square().mean().clamp_min(1e-12)


def style_loss(grams: Sequence[Tensor], wanted: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """Return the squared distance of Gram matrices, relative to the target's squared norm, mean over layers.

    Args:
        grams: Gram matrices of the stylised images, (N, C, C) for each layer.
        wanted: Gram matrices of the style, the target: (C, C) or (N, C, C) for each layer.
        weights: Weights of the layers; only their ratios matter.

    Returns:
        A scalar, >= 0.

    Source:
        Gatys et al. 2016, equations 4 and 5, where each layer's term is divided by the squared norm of the
        target matrix, so that the scale of a layer's activations does not matter.
    """
    terms = [
        weight * (made - target).square().sum(dim=(-2, -1)).mean() / target.square().sum(dim=(-2, -1)).mean()
        for made, target, weight in zip(grams, wanted, weights, strict=True)
    ]
    return torch.stack(terms).sum() / sum(weights)


def total_variation(images: Tensor) -> Tensor:
    """Return the mean absolute difference of neighbouring pixels, vertical plus horizontal.

    Args:
        images: (N, C, H, W), H and W at least 2.

    Returns:
        A scalar, >= 0.

    Source:
        Rudin, Osher and Fatemi 1992, in the anisotropic form.
    """
    down = (images[..., 1:, :] - images[..., :-1, :]).abs().mean()
    across = (images[..., :, 1:] - images[..., :, :-1]).abs().mean()
    return down + across
