"""Classified images: search for a class, most confident images of each class, nearest neighbours."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.evaluation.fashion_mnist.classifier import ImageClassifier, class_probabilities

MINIMUM_SEARCH = 0.1  # share of the limit that is searched in any case


@dataclass(frozen=True, eq=False)
class Garments:
    """Generated images with their classes.

    Attributes:
        images: uint8 (N, 1, 28, 28).
        numbers: Numbers of the images (see `dcgan_lightning.networks.sampling`), int64 (N,).
        classes: Predicted classes, in the order of ``CLASS_NAMES``, int64 (N,).
        confidences: Probabilities of the predicted classes, float32 (N,) in [0, 1].
    """

    images: Tensor
    numbers: Tensor
    classes: Tensor
    confidences: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Tensor) -> "Garments":
        """Return a part of the images, selected by indices or by a mask (N,)."""
        return Garments(self.images[rows], self.numbers[rows], self.classes[rows], self.confidences[rows])


def classify(blocks: Iterable[Tensor], classifier: ImageClassifier, first: int = 0) -> Iterator[Garments]:
    """Yield blocks of images with their predicted classes.

    Args:
        blocks: From `dcgan_lightning.networks.sampling.sample_blocks`.
        classifier: In inference mode, on any device.
        first: Number of the first image.
    """
    device = next(classifier.parameters()).device
    for images in blocks:
        confidences, classes = class_probabilities(classifier, images.to(device)).max(dim=1)
        numbers = torch.arange(first, first + len(images))
        yield Garments(images, numbers, classes.cpu(), confidences.cpu())
        first += len(images)


def first_of_class(
    pieces: Iterable[Garments],
    wanted: int,
    count: int,
    limit: int | None = None,
    report: Callable[[int, int], None] = lambda looked, found: None,
) -> Garments:
    """Return the first images of a class; no more blocks than necessary are generated.

    Args:
        pieces: Blocks of images, at least one (see `classify`).
        wanted: Index of the class.
        count: Number of images; fewer are returned if the search finds fewer.
        limit: Number of images in all blocks; the search ends early if it `is_hopeless`. None: it never
            ends early.
        report: Called after each block with the numbers of images searched and found.
    """
    found: list[Garments] = []
    looked = hits = 0
    for piece in pieces:
        found.append(piece.take(piece.classes == wanted))
        looked += len(piece)
        hits += len(found[-1])
        report(looked, hits)
        if hits >= count or (limit is not None and is_hopeless(looked, hits, count, limit)):
            break
    return _join(found).take(torch.arange(min(count, hits)))


def is_hopeless(looked: int, found: int, count: int, limit: int) -> bool:
    """Return whether a search for images of a class is expected to need more images than are left.

    The share of the class is estimated by Laplace's rule of succession, the mean of its posterior under a
    uniform prior: ``p = (found + 1) / (looked + 2)``. The missing images then take ``(count - found) / p``
    further images; if these are more than ``limit - looked``, the search is hopeless. The rule applies after
    a tenth of the limit. A class with five times the share that the limit requires, ``5 * count / limit``, is
    given up by mistake in at most 1 of 10 searches for a single image, and in 1 of 50 for ten images or more
    (simulated).

    Args:
        looked: Number of images searched, >= 1.
        found: Number of images of the class among them.
        count: Number of images requested.
        limit: Largest number of images to search.
    """
    expected = (count - found) * (looked + 2) / (found + 1)
    return looked >= MINIMUM_SEARCH * limit and expected > limit - looked


def clearest_of_each_class(pieces: Iterable[Garments], count: int) -> list[Garments]:
    """Return the images of each class with the highest confidence, in descending order.

    Args:
        pieces: Blocks of images, at least one (see `classify`); at most ``count`` images per class are kept.
        count: Number of images per class; fewer are returned if there are fewer.
    """
    clearest: list[list[Garments]] = [[] for _ in CLASS_NAMES]
    for piece in pieces:
        for index, kept in enumerate(clearest):
            group = _join([*kept, piece.take(piece.classes == index)])
            clearest[index] = [group.take(group.confidences.argsort(descending=True, stable=True)[:count])]
    return [group for (group,) in clearest]


def nearest(queries: Tensor, rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the distances to each query's nearest rows and their indices, the nearest first.

    Args:
        queries: (M, D), float.
        rows: (N, D) with N at least ``count``.
        count: Number of neighbours per query.

    Returns:
        (M, count) and int64 (M, count).
    """
    found = [
        # Not by a matrix product, whose rounding would give an image and its copy a distance above 0.
        torch.cdist(part, rows, compute_mode="donot_use_mm_for_euclid_dist").topk(count, largest=False)
        for part in queries.split(100)
    ]
    return torch.cat([part.values for part in found]), torch.cat([part.indices for part in found])


def _join(pieces: list[Garments]) -> Garments:
    return Garments(
        torch.cat([piece.images for piece in pieces]),
        torch.cat([piece.numbers for piece in pieces]),
        torch.cat([piece.classes for piece in pieces]),
        torch.cat([piece.confidences for piece in pieces]),
    )
