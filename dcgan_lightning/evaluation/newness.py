"""Newness: whether generated images are further from the training images than unseen real ones are."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dcgan_lightning.core.errors import ScoreError

COPY_PERCENTILE = 1  # of the unseen real images' distances; what is closer is a near-copy


class Nearest(NamedTuple):
    """The nearest training image of each of M images.

    Attributes:
        distances: float64 (M,).
        indices: int64 (M,), among the training images.
    """

    distances: Tensor
    indices: Tensor


class Newness(NamedTuple):
    """How far images are from the training images, compared with unseen real ones.

    Attributes:
        ratio: Median distance to the nearest training image over the same of unseen real images; 1 where they
            are alike, 0 for copies.
        copies: Share of near-copies: images closer to a training image than 99 % of the unseen real ones are,
            or equal to one. 0.01 where they are alike.
    """

    ratio: float
    copies: float


def newness(generated: Tensor, unseen: Tensor) -> Newness:
    """Return the newness that follows from two sets of distances to the nearest training image.

    Args:
        generated: (M,), the generated images'.
        unseen: (N,), those of real images that nothing was trained on; a few may be 0, because data sets hold
            images twice.

    Raises:
        ScoreError: Half of the unseen images or more are training images.
    """
    median = float(unseen.median())
    if median == 0:
        raise ScoreError(
            "newness needs unseen images, but half of the reference images or more are training images; "
            "leave newness out"
        )
    bound = torch.quantile(unseen, COPY_PERCENTILE / 100)
    is_copy = (generated < bound) | (generated == 0)
    return Newness(ratio=float(generated.median()) / median, copies=int(is_copy.sum()) / len(generated))


def closest(nearest: Nearest, count: int) -> list[tuple[int, int, float]]:
    """Return (index, training image's index, distance) of the images nearest to a training image."""
    order = nearest.distances.argsort(stable=True)[:count].tolist()
    return [(index, int(nearest.indices[index]), float(nearest.distances[index])) for index in order]


def label_pairs(
    pairs: Mapping[str, Sequence[Mapping[str, Any]]], generated: Tensor, train: Tensor
) -> dict[str, list[tuple[Tensor, Tensor, str]]]:
    """Return the closest pairs of each space as images with their distances, under a title.

    Args:
        pairs: ``closest`` of `score_images`.
        generated: uint8 (N, 1, 28, 28), the images that were scored.
        train: uint8 (M, 1, 28, 28).
    """
    return {
        f"Closest by {space}s: generated (left) and training image (right). Distance 1 is that of a "
        "typical unseen image, 0 of a copy": [
            (generated[pair["generated"]], train[pair["train"]], f"{pair['ratio']:.2f}") for pair in found
        ]
        for space, found in pairs.items()
    }
