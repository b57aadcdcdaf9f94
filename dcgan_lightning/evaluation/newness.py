"""Newness: distances of generated images to the training images, relative to those of unseen real images."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dcgan_lightning.core.errors import ScoreError

COPY_PERCENTILE = 1  # percentile of the unseen real images' distances below which an image is a near-copy
MANY_COPIES = 0.05  # share of near-copies from which on a user is warned


class Nearest(NamedTuple):
    """The nearest training image of each of M images.

    Attributes:
        distances: float64 (M,).
        indices: int64 (M,), among the training images.
    """

    distances: Tensor
    indices: Tensor


class Newness(NamedTuple):
    """Distances to the training images, relative to those of unseen real images.

    Attributes:
        ratio: Median distance to the nearest training image, divided by that of unseen real images: about 1
            for unseen images, 0 for copies.
        copies: Share of near-copies: images that are closer to a training image than 99 % of the unseen real
            images, or equal to one. About 0.01 for unseen images.
    """

    ratio: float
    copies: float


def newness(generated: Tensor, unseen: Tensor) -> Newness:
    """Return the newness for two sets of distances to the nearest training image.

    Args:
        generated: Distances of the generated images, (M,).
        unseen: Distances of real images that were not used for training, (N,); a few may be 0, because data
            sets contain duplicates.

    Raises:
        ScoreError: At least half of the unseen images are training images.
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


def describe_copies(mean: Mapping[str, Any]) -> str | None:
    """Return a warning if a generator repeats its training images, or None.

    Args:
        mean: Scores by name, as ``pixel_copies``.
    """
    shares = {space: mean.get(f"{space}_copies", 0.0) for space in ("feature", "pixel")}
    space = max(shares, key=lambda name: shares[name])
    if shares[space] < MANY_COPIES:
        return None
    return (
        f"the generator repeats training images: {100 * shares[space]:.0f} % of its images are near-copies "
        f"by {space}s, where unseen real images have {COPY_PERCENTILE} %; train for less time, on more "
        "images, or with model.augmentation=[translation,cutout]"
    )


def closest(nearest: Nearest, count: int) -> list[tuple[int, int, float]]:
    """Return (index, training image's index, distance) of the images nearest to a training image."""
    order = nearest.distances.argsort(stable=True)[:count].tolist()
    return [(index, int(nearest.indices[index]), float(nearest.distances[index])) for index in order]


def label_pairs(
    pairs: Mapping[str, Sequence[Mapping[str, Any]]], generated: Tensor, train: Tensor
) -> dict[str, list[tuple[Tensor, Tensor, str]]]:
    """Return the closest pairs (generated image, training image, caption) by the feature space's title.

    Args:
        pairs: Entry ``closest`` of `score_images`.
        generated: The scored images, uint8 (N, C, H, W).
        train: The training images, uint8 (M, C, H, W).
    """
    return {
        f"Closest by {space}s: generated (left) and training image (right). Distance 1 is that of a "
        "typical unseen image, 0 of a copy": [
            (generated[pair["generated"]], train[pair["train"]], f"{pair['ratio']:.2f}") for pair in found
        ]
        for space, found in pairs.items()
    }
