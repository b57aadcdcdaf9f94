"""Scores of images with intended classes: agreement with the class, and similarity to its real images."""

from collections.abc import Sequence

import torch
from torch import Tensor

from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.evaluation.fashion_mnist.classifier import (
    HELD_OUT_FILE,
    ImageClassifier,
    class_probabilities,
    load_classifier,
)
from dcgan_lightning.evaluation.metrics import frechet_distance


def found_classes(
    images: Tensor,
    labels: Tensor,
    device: torch.device | str = "cpu",
    classifier: ImageClassifier | None = None,
) -> Tensor:
    """Return for each image whether the held-out classifier predicts the intended class.

    The classifier's architecture and seed differ from those of the classifier whose features give the
    distances, so that a generator selected by these distances is not scored by the same network. The upper
    bound is the classifier's accuracy on real test images.

    Args:
        images: uint8 (N, C, H, W).
        labels: Intended classes, int64 (N,), by default in the order of `CLASS_NAMES`.
        device: Device for the computation.
        classifier: A held-out classifier of these images; the shipped one if not given.

    Returns:
        bool (N,), on the CPU.

    Source:
        Odena et al. 2017, https://arxiv.org/abs/1610.09585, section 5, the accuracy of a given classifier.
    """
    classifier = (classifier or load_classifier(HELD_OUT_FILE)).to(device)
    return class_probabilities(classifier, images.to(device)).argmax(dim=1).cpu() == labels.cpu()


def shares_by_class(
    found: Tensor, labels: Tensor, class_names: Sequence[str] = CLASS_NAMES
) -> dict[str, float]:
    """Return the share of True among ``found``, bool (N,), for each class in ``labels``, int64 (N,)."""
    return {class_names[label]: float(found[labels == label].double().mean()) for label in labels.unique()}


def class_frechet_distance(
    real: Tensor, real_labels: Tensor, generated: Tensor, generated_labels: Tensor
) -> float:
    """Return the mean over classes of the Fréchet distance within each class.

    Classes without generated images are ignored. The distance is biased upwards, the more so the fewer images
    a class has: compare only values for equal numbers of images, and with the lower bound, the distance of
    real images that are not in ``real``.

    Args:
        real: Features (N, D), more than D of each class.
        real_labels: int64 (N,).
        generated: Features (M, D), more than D of each class that occurs.
        generated_labels: int64 (M,).

    Source:
        Benny et al. 2021, https://arxiv.org/abs/2004.12361, the "within class" distance. For the bias:
        Chong and Forsyth 2020, https://arxiv.org/abs/1911.07023.
    """
    real_labels, generated_labels = real_labels.to(real.device), generated_labels.to(generated.device)
    distances = [
        frechet_distance(real[real_labels == label], generated[generated_labels == label])
        for label in generated_labels.unique().tolist()
    ]
    return sum(distances) / len(distances)


def smallest_class(labels: Tensor, real_labels: Tensor) -> int:
    """Return the number of images of the rarest class among labels (N,), generated or real."""
    classes = labels.unique()
    counts = [part.bincount(minlength=int(classes.max()) + 1)[classes] for part in (labels, real_labels)]
    return int(torch.cat(counts).min())


def draw_of_classes(labels: Tensor, pool: Tensor) -> Tensor | None:
    """Draw a different image of the same class for each label, always the same images.

    Args:
        labels: Requested classes, int64 (N,).
        pool: Classes of the images to draw from, int64 (M,).

    Returns:
        Indices in the pool, int64 (N,), or None if it has too few images of a class.
    """
    order = torch.randperm(len(pool), generator=stream_generator(0, "scores"))
    rows = torch.empty_like(labels)
    for label in labels.unique():
        wanted = labels == label
        candidates = order[pool[order] == label][: int(wanted.sum())]
        if len(candidates) < wanted.sum():
            return None
        rows[wanted] = candidates
    return rows
