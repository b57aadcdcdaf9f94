"""All scores of a set of generated images, as plain numbers."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from torch import Tensor

from dcgan_lightning.config.commands import METRICS, Metric
from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.core.errors import ScoreError
from dcgan_lightning.evaluation.class_scores import (
    class_frechet_distance,
    found_classes,
    shares_by_class,
    smallest_class,
)
from dcgan_lightning.evaluation.fashion_mnist.architectures import GARMENT_SHAPE
from dcgan_lightning.evaluation.fashion_mnist.classifier import class_probabilities, load_classifier
from dcgan_lightning.evaluation.features import FeatureNetwork, check_images, load_features
from dcgan_lightning.evaluation.metrics import (
    DENSITY_NEIGHBOURS,
    divergence_from_uniform,
    frechet_distance,
    kernel_distance,
    manifold_scores,
)
from dcgan_lightning.evaluation.newness import closest, newness
from dcgan_lightning.evaluation.own_classifiers import how_to_train
from dcgan_lightning.evaluation.real_images import RealImages, canonical_order

CLASS_METRICS: tuple[Metric, ...] = ("class_accuracy", "class_frechet")  # for images with intended classes
CHEAP_METRICS: tuple[Metric, ...] = ("frechet", "manifold", "classes")  # for use in training
CLOSEST = 12  # closest pairs returned by `score_images`


def score_images(
    generated: Tensor,
    real: RealImages,
    network: FeatureNetwork | None = None,
    metrics: Collection[Metric] = METRICS,
    report: Callable[[str], None] = lambda stage: None,
    labels: Tensor | None = None,
) -> dict[str, Any]:
    """Return the scores of generated images.

    They depend neither on the order of the images nor (except for rounding) on the chunk size.

    Args:
        generated: uint8 (N, C, H, W); see `dcgan_lightning.core.pixels.to_uint8`.
        real: Real images for comparison; reuse the object for several calls.
        network: Feature network; the shipped classifier if not given.
        metrics: Scores to compute; `CHEAP_METRICS` are fast enough for use during training.
        report: Called with the name of each stage before it starts.
        labels: Intended classes of the images, int64 (N,), or None. Scores of classes are skipped if a
            requirement is missing (see `why_left_out`).

    Returns:
        Scores by name. "classes" also returns ``class_histogram`` and "class_accuracy" ``class_accuracies``
        (both from class to share); "newness" also returns ``closest``, for each feature space the generated
        images that are nearest to a training image. README.md explains the scores.

    Raises:
        ScoreError: The images have another type or shape or are too few for the requested scores, or their
            number differs from that of the labels.
    """
    if unknown := sorted(set(metrics) - set(METRICS)):
        raise ScoreError(f"metrics can be {', '.join(METRICS)}; got {unknown[0]!r}")
    network = network or load_features()
    check_images(generated, real.shape)
    check_count(len(generated), network, metrics)
    check_count(len(real.reference), network, metrics, "reference images")
    if labels is not None and len(labels) != len(generated):
        raise ScoreError(f"{len(generated)} generated images, but {len(labels)} labels; give one for each")
    metrics = [name for name in metrics if not why_left_out(name, labels, real, network)]
    order = canonical_order(generated)
    generated = generated[order]
    labels = None if labels is None else labels[order.to(labels.device)].cpu()
    features = torch.empty(0)
    if {*metrics} != {"class_accuracy"}:
        report("features")
        features = network(generated)
    scores: dict[str, Any] = {"count": len(generated)}
    if {"frechet", "kernel", "manifold"} & set(metrics):
        reference = real.reference_features(network)
        if "frechet" in metrics:
            report("frechet")
            scores["frechet_distance"] = frechet_distance(reference, features)
        if "kernel" in metrics:
            report("kernel")
            scores["kernel_distance"], scores["kernel_spread"] = kernel_distance(reference, features)
        if "manifold" in metrics:
            report("manifold")
            scores |= manifold_scores(reference, features)._asdict()
    if "classes" in metrics:
        report("classes")
        scores |= _class_scores(generated, features, network, real)
    if "class_accuracy" in metrics and labels is not None:
        report("class_accuracy")
        held_out = real.own.held_out if real.own else None
        found = found_classes(generated, labels, network.device, held_out)
        scores["class_accuracy"] = float(found.double().mean())
        scores["class_accuracies"] = shares_by_class(found, labels, real.class_names)
    if "class_frechet" in metrics and labels is not None:
        report("class_frechet")
        scores["class_frechet"] = class_frechet_distance(
            real.reference_features(network), real.ordered_labels(), features, labels
        )
    if "newness" in metrics:
        report("newness")
        scores |= _newness_scores(generated, features, order, real, network)
    return scores


def why_left_out(
    metric: Metric, labels: Tensor | None, real: RealImages, network: FeatureNetwork
) -> str | None:
    """Return which requirement of a score is missing, or None if it can be computed.

    Args:
        metric: Name of the score; some have requirements.
        labels: Intended classes of the generated images, int64 (N,), or None.
        real: Real images for comparison.
        network: Feature network.
    """
    if metric == "frechet" and len(real.reference) <= network.size:
        return (
            f"features={network.name} needs at least {network.size + 1} held-out real images, and there "
            f"are {len(real.reference):,}; it needs more images"
        )
    if metric == "classes" and real.shape != GARMENT_SHAPE and not (real.own and real.own.classifier):
        return f"the shipped classifier is for grey images of 28 x 28 pixels; {how_to_train()}"
    if metric not in CLASS_METRICS:
        return None
    if labels is None:
        return "the generator was trained without classes"
    if metric == "class_accuracy" and not real.has_garments and not (real.own and real.own.held_out):
        return "the shipped held-out classifier is for the classes of Fashion-MNIST; " + how_to_train(
            None, "classifier.architecture=residual", "seed=1"
        )
    if metric == "class_frechet":
        if real.reference_labels is None:
            return "the real images have no classes"
        if (fewest := smallest_class(labels.cpu(), real.reference_labels)) <= network.size:
            return (
                f"features={network.name} needs at least {network.size + 1} images of each class, generated "
                f"and real; one has {fewest}"
            )
    return None


def choose_metrics(
    wanted: Sequence[Metric], labels: Tensor | None, real: RealImages, network: FeatureNetwork
) -> tuple[list[Metric], list[str]]:
    """Return the requested scores that can be computed, and a line per reason for skipping others.

    Args:
        wanted: Requested scores.
        labels: Intended classes of the generated images, int64 (N,), or None.
        real: Real images for comparison.
        network: Feature network.

    Raises:
        ScoreError: No requested score can be computed.
    """
    reasons = {metric: why_left_out(metric, labels, real, network) for metric in wanted}
    lines = [
        f"{' and '.join(name for name in wanted if reasons[name] == reason)} left out: {reason}"
        for reason in dict.fromkeys(filter(None, reasons.values()))
    ]
    metrics = [metric for metric in wanted if reasons[metric] is None]
    if not metrics:
        raise ScoreError(f"metrics=[{','.join(wanted)}]: choose other scores; {'; '.join(lines)}")
    return metrics, lines


def score_real_images(
    labels: Tensor, real: RealImages, network: FeatureNetwork, metrics: Collection[Metric]
) -> dict[str, Any]:
    """Return the scores of classes for real images, as bounds for those of generated images.

    Args:
        labels: Intended classes of the generated images, int64 (N,).
        real: Real images.
        network: Feature network.
        metrics: The scores of the generated images.

    Returns:
        ``class_accuracy`` and ``class_accuracies`` of the reference images (upper bounds), and
        ``class_frechet`` of equally many training images of the same classes (lower bound); only those that
        can be computed.
    """
    scores: dict[str, Any] = {}
    ceiling, floor = CLASS_METRICS[:1], CLASS_METRICS[1:]
    if "class_accuracy" in metrics and real.reference_labels is not None:
        scores |= score_images(real.reference, real, network, ceiling, labels=real.reference_labels)
    if "class_frechet" in metrics and (alike := real.like(labels)) is not None:
        scores |= score_images(alike, real, network, floor, labels=labels)
    scores.pop("count", None)
    return scores


def check_count(
    count: int, network: FeatureNetwork, metrics: Collection[Metric], what: str = "generated images"
) -> None:
    """Check that there are enough images for the scores.

    Args:
        count: Number of images.
        network: Feature network.
        metrics: Scores to compute.
        what: Name of the images, for the message.

    Raises:
        ScoreError: There are too few; the message names the number needed.
    """
    if "frechet" in metrics and count <= network.size:
        raise ScoreError(
            f"{count} {what} are too few: features={network.name} has {network.size} numbers per image, "
            f"whose covariance needs at least {network.size + 1} images (the anchors have 10,000)"
        )
    if count <= DENSITY_NEIGHBOURS:
        raise ScoreError(f"{count} {what} are too few: at least {DENSITY_NEIGHBOURS + 1} are needed")


@torch.no_grad()
def _class_scores(
    images: Tensor, features: Tensor, network: FeatureNetwork, real: RealImages
) -> dict[str, Any]:
    own = real.own.classifier if real.own else None
    if network.head is not None:
        probabilities = network.head(features).softmax(dim=1)
    else:
        classifier = (own or load_classifier()).to(network.device)
        probabilities = class_probabilities(classifier, images.to(network.device))
    names = real.class_names if own else CLASS_NAMES
    confidence, classes = probabilities.max(dim=1)
    shares = classes.bincount(minlength=len(names)).double() / len(classes)
    return {
        "class_divergence": divergence_from_uniform(shares),
        "confidence": float(confidence.double().mean()),
        "class_histogram": dict(zip(names, shares.tolist(), strict=True)),
    }


def _newness_scores(
    images: Tensor, features: Tensor, order: Tensor, real: RealImages, network: FeatureNetwork
) -> dict[str, Any]:
    """Return newness in the feature space and in pixels.

    Args:
        images: uint8 (N, C, H, W), in canonical order.
        features: Their features (N, D).
        order: Indices of these images among the given ones, (N,).
        real: Real images, including the training images.
        network: Feature network.
    """
    scores: dict[str, Any] = {}
    pairs = {}
    for name, space, known in (("feature", network, features), ("pixel", real.pixels(network), None)):
        nearest = real.nearest(images, space, known)
        unseen = real.reference_distances(space)
        scores[f"{name}_newness"], scores[f"{name}_copies"] = newness(nearest.distances, unseen)
        median = float(unseen.median())
        pairs[name] = [
            {"generated": int(order[index]), "train": train, "ratio": distance / median}
            for index, train, distance in closest(nearest, CLOSEST)
        ]
    return scores | {"closest": pairs}
