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
from dcgan_lightning.evaluation.real_images import RealImages, canonical_order

CLASS_METRICS: tuple[Metric, ...] = ("class_accuracy", "class_frechet")  # for images with intended classes
CHEAP_METRICS: tuple[Metric, ...] = ("frechet", "manifold", "classes")  # for use in training
CLOSEST = 12  # pairs that `score_images` names


def score_images(
    generated: Tensor,
    real: RealImages,
    network: FeatureNetwork | None = None,
    metrics: Collection[Metric] = METRICS,
    report: Callable[[str], None] = lambda stage: None,
    labels: Tensor | None = None,
) -> dict[str, Any]:
    """Return the scores of generated images.

    They depend neither on the order of the images nor (but for rounding) on how many are looked at at a time.

    Args:
        generated: uint8 (N, 1, 28, 28); see `dcgan_lightning.core.pixels.to_uint8`.
        real: What to compare with; keep it for several calls.
        network: What to look through; the shipped classifier if not given.
        metrics: Which scores; `CHEAP_METRICS` for a few during training.
        report: Takes the name of each stage before it begins.
        labels: int64 (N,), the classes that the images are meant to be of; None: there are none. Scores that
            need them are left out where they lack something (see `why_left_out`).

    Returns:
        Numbers, and of "classes" also ``class_histogram`` (class to share), of "class_accuracy" also
        ``class_accuracies`` (class to share), of "newness" also ``closest``: for each space the generated
        images that are nearest to a training image. README.md explains them.

    Raises:
        ScoreError: The images have another form, or are too few for the scores that were asked for, or there
            are not as many labels.
    """
    if unknown := sorted(set(metrics) - set(METRICS)):
        raise ScoreError(f"metrics can be {', '.join(METRICS)}; got {unknown[0]!r}")
    network = network or load_features()
    check_images(generated)
    check_count(len(generated), network, metrics)
    check_count(len(real.reference), network, metrics, "reference images")
    if labels is not None and len(labels) != len(generated):
        raise ScoreError(f"{len(generated)} generated images, but {len(labels)} labels; give one for each")
    metrics = [name for name in metrics if not why_left_out(name, labels, real, network)]
    order = canonical_order(generated)
    generated = generated[order]
    labels = None if labels is None else labels[order.to(labels.device)].cpu()
    features = torch.empty(0)
    if not {"class_accuracy", "newness"}.issuperset(metrics):
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
        scores |= _class_scores(generated, features, network)
    if "class_accuracy" in metrics and labels is not None:
        report("class_accuracy")
        found = found_classes(generated, labels, network.device)
        scores["class_accuracy"] = float(found.double().mean())
        scores["class_accuracies"] = shares_by_class(found, labels)
    if "class_frechet" in metrics and labels is not None:
        report("class_frechet")
        scores["class_frechet"] = class_frechet_distance(
            real.reference_features(network), real.ordered_labels(), features, labels
        )
    if "newness" in metrics:
        report("newness")
        scores |= _newness_scores(generated, order, real, network)
    return scores


def why_left_out(
    metric: Metric, labels: Tensor | None, real: RealImages, network: FeatureNetwork
) -> str | None:
    """Return what a score of classes lacks, or None if it, or another score, can be computed.

    Args:
        metric: Any.
        labels: int64 (N,), the intended classes of the generated images, if they have any.
        real: What to compare with.
        network: What to look through.
    """
    if metric not in CLASS_METRICS:
        return None
    if labels is None:
        return "the images have no intended classes"
    if metric == "class_accuracy" and not real.has_garments:
        return "the held-out classifier knows the classes of Fashion-MNIST only"
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
    """Return those scores that can be computed, and a line for each reason why others are left out.

    Args:
        wanted: To choose from.
        labels: See `why_left_out`, as the others.
        real: What to compare with.
        network: What to look through.

    Raises:
        ScoreError: None can be computed.
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
    """Return what real images reach in the scores of classes, to read those of generated ones by.

    Args:
        labels: int64 (N,), the intended classes of the generated images.
        real: What to compare with.
        network: What to look through.
        metrics: Those of the generated images.

    Returns:
        ``class_accuracy`` and ``class_accuracies`` of the reference images: the ceiling. ``class_frechet`` of
        training images of the same classes, equally many: the floor. Only those that can be computed.
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
    """Refuse to compute scores from too few images.

    Raises:
        ScoreError: Says how many are needed, and why.
    """
    if "frechet" in metrics and count <= network.size:
        raise ScoreError(
            f"{count} {what} are too few: features={network.name} has {network.size} numbers an image, "
            f"whose covariance needs at least {network.size + 1} images (the anchors have 10,000)"
        )
    if count <= DENSITY_NEIGHBOURS:
        raise ScoreError(f"{count} {what} are too few: at least {DENSITY_NEIGHBOURS + 1} are needed")


@torch.no_grad()
def _class_scores(images: Tensor, features: Tensor, network: FeatureNetwork) -> dict[str, Any]:
    if network.head is not None:
        probabilities = network.head(features).softmax(dim=1)
    else:
        classifier = load_classifier().to(network.device)
        probabilities = class_probabilities(classifier, images.to(network.device))
    confidence, classes = probabilities.max(dim=1)
    shares = classes.bincount(minlength=len(CLASS_NAMES)).double() / len(classes)
    return {
        "class_divergence": divergence_from_uniform(shares),
        "confidence": float(confidence.double().mean()),
        "class_histogram": dict(zip(CLASS_NAMES, shares.tolist(), strict=True)),
    }


def _newness_scores(
    images: Tensor, order: Tensor, real: RealImages, network: FeatureNetwork
) -> dict[str, Any]:
    """Return newness in the feature space and in that of the pixels.

    Args:
        images: uint8 (N, 1, 28, 28), in their canonical order.
        order: (N,), where they stood among the images that were given.
        real: With the training images.
        network: Of the feature space.
    """
    scores: dict[str, Any] = {}
    pairs = {}
    for name, space in (("feature", network), ("pixel", real.pixels(network))):
        nearest = real.nearest(images, space)
        unseen = real.reference_distances(space)
        scores[f"{name}_newness"], scores[f"{name}_copies"] = newness(nearest.distances, unseen)
        median = float(unseen.median())
        pairs[name] = [
            {"generated": int(order[index]), "train": train, "ratio": distance / median}
            for index, train, distance in closest(nearest, CLOSEST)
        ]
    return scores | {"closest": pairs}
