"""All scores of a set of generated images, as plain numbers."""

import hashlib
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast, get_args

import numpy as np
import torch
from torch import Tensor

from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.core.errors import ScoreError
from dcgan_lightning.evaluation.distances import nearest_rows
from dcgan_lightning.evaluation.fashion_mnist.classifier import class_probabilities, load_classifier
from dcgan_lightning.evaluation.features import FeatureNetwork, check_images, load_features
from dcgan_lightning.evaluation.metrics import (
    DENSITY_NEIGHBOURS,
    divergence_from_uniform,
    frechet_distance,
    kernel_distance,
    manifold_scores,
)
from dcgan_lightning.evaluation.newness import Nearest, closest, newness

Metric = Literal["frechet", "kernel", "manifold", "classes", "newness"]

METRICS: tuple[Metric, ...] = get_args(Metric)
CHEAP_METRICS: tuple[Metric, ...] = ("frechet", "manifold", "classes")  # for use in training
Kept = TypeVar("Kept")
CLOSEST = 12  # pairs that `score_images` names


@dataclass(frozen=True, eq=False)
class RealImages:
    """The real images that scores compare with; keeps what is slow to compute of them.

    Attributes:
        reference: uint8 (N, 1, 28, 28), what the generated images should look like: the test images, or in
            training a part of the training images.
        train: uint8 (M, 1, 28, 28), what the generator was trained on, for newness.
        train_labels: int64 (M,), for the anchor that lacks a class.
    """

    reference: Tensor
    train: Tensor | None = None
    train_labels: Tensor | None = None
    _kept: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        check_images(self.reference)
        if self.train is not None:
            check_images(self.train)

    def reference_features(self, network: FeatureNetwork) -> Tensor:
        """Return the features (N, D) of the reference images, in their `canonical_order`."""
        return self._keep(
            (network.key, "reference"), lambda: network(self.reference[canonical_order(self.reference)])
        )

    def nearest(self, images: Tensor, space: FeatureNetwork) -> Nearest:
        """Return the nearest training image of each image; kept, because several networks share the pixels.

        Args:
            images: uint8 (n, 1, 28, 28).
            space: Distances are between its features.
        """
        digest = hashlib.sha256(images.cpu().contiguous().numpy().data).hexdigest()
        return self._keep(
            (space.key, digest), lambda: Nearest(*nearest_rows(space(images), self._train_features(space)))
        )

    def pixels(self, network: FeatureNetwork) -> FeatureNetwork:
        """Return the space of the pixels, on the network's device."""
        if network.name == "pixels":
            return network
        return load_features("pixels", device=network.device)

    def reference_distances(self, space: FeatureNetwork) -> Tensor:
        """Return the reference images' distances (N,) to their nearest training images."""
        return self.nearest(self.reference, space).distances

    def _train_features(self, space: FeatureNetwork) -> Tensor:
        if self.train is None:
            raise ScoreError("newness needs the training images: RealImages(reference, train)")
        train = self.train
        return self._keep((space.key, "train"), lambda: space(train))

    def _keep(self, key: Any, compute: Callable[[], Kept]) -> Kept:
        if key not in self._kept:
            self._kept[key] = compute()
        return cast(Kept, self._kept[key])


def canonical_order(images: Tensor) -> Tensor:
    """Return the order of images by their bytes: the same images in another order come out the same.

    Args:
        images: uint8 (N, ...).

    Returns:
        int64 (N,), indices.
    """
    flat = np.ascontiguousarray(images.cpu().flatten(1).numpy())
    return torch.from_numpy(np.argsort(flat.view(f"S{flat.shape[1]}").ravel(), kind="stable"))


def score_images(
    generated: Tensor,
    real: RealImages,
    network: FeatureNetwork | None = None,
    metrics: Collection[Metric] = METRICS,
    report: Callable[[str], None] = lambda stage: None,
) -> dict[str, Any]:
    """Return the scores of generated images.

    They depend neither on the order of the images nor (but for rounding) on how many are looked at at a time.

    Args:
        generated: uint8 (N, 1, 28, 28); see `dcgan_lightning.pictures.to_uint8`.
        real: What to compare with; keep it for several calls.
        network: What to look through; the shipped classifier if not given.
        metrics: Which scores; `CHEAP_METRICS` for a few during training.
        report: Takes the name of each stage before it begins.

    Returns:
        Numbers, and of "classes" also ``class_histogram`` (class to share), of "newness" also ``closest``:
        for each space the generated images that are nearest to a training image. README.md explains them.

    Raises:
        ScoreError: The images have another form, or are too few for the scores that were asked for.
    """
    if unknown := sorted(set(metrics) - set(METRICS)):
        raise ScoreError(f"metrics can be {', '.join(METRICS)}; got {unknown[0]!r}")
    network = network or load_features()
    check_images(generated)
    check_count(len(generated), network, metrics)
    check_count(len(real.reference), network, metrics, "reference images")
    report("features")
    order = canonical_order(generated)
    generated = generated[order]
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
    if "newness" in metrics:
        report("newness")
        scores |= _newness_scores(generated, order, real, network)
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
