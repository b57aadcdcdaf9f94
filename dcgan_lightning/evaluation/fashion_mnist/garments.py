"""Images and what the classifier sees in them: those of a class, the clearest of each, the most alike."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.evaluation.fashion_mnist.classifier import FashionClassifier, class_probabilities

MINIMUM_SEARCH = 0.1  # part of the limit that a search looks through, however little it finds


@dataclass(frozen=True, eq=False)
class Garments:
    """Generated images with their classes.

    Attributes:
        images: uint8 (N, 1, 28, 28).
        numbers: int64 (N,), to make them again (see `dcgan_lightning.networks.sampling`).
        classes: int64 (N,), the most probable class of each, in the order of ``CLASS_NAMES``.
        confidences: float32 (N,), how probable the classifier holds that class, in [0, 1].
    """

    images: Tensor
    numbers: Tensor
    classes: Tensor
    confidences: Tensor

    def __len__(self) -> int:
        return len(self.images)

    def take(self, rows: Tensor) -> "Garments":
        """Return some of them, chosen by indices or by a mask (N,)."""
        return Garments(self.images[rows], self.numbers[rows], self.classes[rows], self.confidences[rows])


def classify(blocks: Iterable[Tensor], classifier: FashionClassifier, first: int = 0) -> Iterator[Garments]:
    """Yield images with their classes, piece by piece.

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
    """Return the first images of a class, and ask for no more pieces than that takes.

    Args:
        pieces: At least one (see `classify`).
        wanted: Index of the class.
        count: How many; fewer are returned if there are fewer.
        limit: Number of images in all pieces; the search ends early where it `is_hopeless`. None: it never
            does.
        report: Takes the number of images looked through and of those found, after each piece.
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
    uniform prior: ``p = (found + 1) / (looked + 2)``. What is missing then takes ``(count - found) / p``
    further images; if that is more than ``limit - looked``, the search is hopeless. This is not judged before
    a tenth of the limit. A class whose share is five times what the limit demands, ``5 * count / limit``, is
    given up by mistake in 1 of 10 searches for a single image at most, and in 1 of 50 for ten images or more
    (simulated).

    Args:
        looked: Images looked through, >= 1.
        found: Images of the class among them.
        count: How many are wanted.
        limit: Images that may be looked through.
    """
    expected = (count - found) * (looked + 2) / (found + 1)
    return looked >= MINIMUM_SEARCH * limit and expected > limit - looked


def clearest_of_each_class(pieces: Iterable[Garments], count: int) -> list[Garments]:
    """Return for each class the images that the classifier is surest of, the surest first.

    Args:
        pieces: At least one (see `classify`); never more than ``count`` images of each class are kept.
        count: How many of each class; fewer are returned if there are fewer.
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
        count: How many of each.

    Returns:
        (M, count) and int64 (M, count).
    """
    found = [
        # Not by a matrix product, whose rounding would put an image some way off its own copy.
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
