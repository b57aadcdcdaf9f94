"""Scores of unpaired translation between two domains, with baselines."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.evaluation.class_scores import found_classes
from dcgan_lightning.evaluation.distances import mean_difference, nearest_rows
from dcgan_lightning.evaluation.features import FeatureNetwork
from dcgan_lightning.evaluation.metrics import frechet_distance
from dcgan_lightning.evaluation.translators import ScoreInputs
from dcgan_lightning.networks.translator import ImageTranslator, translate_images

NOISE = 2.0  # standard deviation of the noise added before translating back, in grey levels (0 to 255)

SCORES = {
    "target_rate": "share that the held-out classifier takes for the target class; real ones: last column",
    "frechet_distance": "to the target's test images; 0 is best",
    "cycle_l1": "mean absolute difference after there and back, as bytes, share of the grey range; 0 is best",
    "noisy_cycle_l1": "the same with noise of 2 grey values of 255 on the translation: much more than "
    "cycle_l1 means that the way back reads a hidden code",
    "identity_l1": "mean absolute difference that the network makes to images of its target; 0 is best",
    "true_l1": "mean absolute difference from the hidden partner, share of the grey range; 0 is best",
}


class Way(NamedTuple):
    """One direction, with its images.

    Attributes:
        there: The network of this direction.
        back: The network of the other direction.
        sources: Test images of the source domain, uint8 (N, C, H, W).
        targets: Test images of the target domain.
        training_targets: Training images of the target domain.
        target: Index of the target class, or None if it is not a class of Fashion-MNIST.
        are_pairs: Whether the n-th target is the true translation of the n-th source.
    """

    there: ImageTranslator
    back: ImageTranslator
    sources: Tensor
    targets: Tensor
    training_targets: Tensor
    target: int | None
    are_pairs: bool


def score(given: ScoreInputs) -> dict[str, Any]:
    """Return the scores of both directions, as "target_rate_a_to_b", and of baselines without training."""
    test, training = (_domains(*given.data.load_split(split)) for split in ("test", "train"))
    test = [images[: given.count] for images in test]
    scores: dict[str, float] = {}
    baselines: dict[str, dict[str, float]] = {}
    knows_classes = tuple(given.data.class_names) == CLASS_NAMES and given.data.change is None
    for number, (name, back) in enumerate((("a_to_b", "b_to_a"), ("b_to_a", "a_to_b"))):
        given.report(name)
        way = Way(
            there=given.networks[name],
            back=given.networks[back],
            sources=test[number],
            targets=test[1 - number],
            training_targets=training[1 - number],
            target=CLASS_NAMES.index(given.data.domains[1 - number]) if knows_classes else None,
            are_pairs=given.data.change is not None,
        )
        scores |= _named(_score_way(way, given.features), name)
        for row, found in _score_baselines(way, given.features).items():
            baselines.setdefault(row, {}).update(_named(found, name))
    return {"scores": scores, "baselines": baselines}


def _domains(images: Tensor, labels: Tensor) -> list[Tensor]:
    return [images[labels == domain] for domain in (0, 1)]


def _named(scores: Mapping[str, float], direction: str) -> dict[str, float]:
    return {f"{name}_{direction}": value for name, value in scores.items()}


def _score_way(way: Way, features: FeatureNetwork) -> dict[str, float]:
    made = translate_images(way.there, way.sources)
    noise = NOISE * torch.randn(made.shape, generator=stream_generator(0, "scores"))
    noisy = (made.float() + noise).round().clamp(0, 255).to(torch.uint8)
    return {
        **_score_likeness(way, made, features),
        "cycle_l1": mean_difference(translate_images(way.back, made), way.sources),
        "noisy_cycle_l1": mean_difference(translate_images(way.back, noisy), way.sources),
        "identity_l1": mean_difference(translate_images(way.there, way.targets), way.targets),
        **_score_pairs(way, made),
    }


def _score_baselines(way: Way, features: FeatureNetwork) -> dict[str, dict[str, float]]:
    """Return the scores of no translation, of the nearest training image, and of real images."""
    rows = (way.sources.flatten(1), way.training_targets.flatten(1))
    nearest = way.training_targets[nearest_rows(*rows)[1]]
    real = way.training_targets[: len(way.targets)]
    untranslated = {"cycle_l1": 0.0, "noisy_cycle_l1": 0.0, "identity_l1": 0.0}
    return {
        "untranslated": _score_likeness(way, way.sources, features)
        | untranslated
        | _score_pairs(way, way.sources),
        "nearest training image": _score_likeness(way, nearest, features) | _score_pairs(way, nearest),
        "real images": _score_likeness(way, real, features),
    }


def _score_likeness(way: Way, images: Tensor, features: FeatureNetwork) -> dict[str, float]:
    """Return the scores of images' similarity to the target domain."""
    scores = {}
    if way.target is not None:
        labels = torch.full((len(images),), way.target)
        scores["target_rate"] = float(found_classes(images, labels, features.device).double().mean())
    if min(len(images), len(way.targets)) > features.size:
        scores["frechet_distance"] = frechet_distance(features(way.targets), features(images))
    return scores


def _score_pairs(way: Way, images: Tensor) -> dict[str, float]:
    return {"true_l1": mean_difference(images, way.targets)} if way.are_pairs else {}
