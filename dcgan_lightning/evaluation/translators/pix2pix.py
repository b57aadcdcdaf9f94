"""Scores of paired translation, where the true images are known, with baselines."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torchmetrics.functional.image import structural_similarity_index_measure

from dcgan_lightning.core.pixels import normalize
from dcgan_lightning.evaluation.class_scores import found_classes
from dcgan_lightning.evaluation.distances import mean_difference, nearest_rows
from dcgan_lightning.evaluation.fashion_mnist.architectures import GARMENT_SHAPE
from dcgan_lightning.evaluation.features import FeatureNetwork
from dcgan_lightning.evaluation.metrics import frechet_distance
from dcgan_lightning.evaluation.translators import ScoreInputs
from dcgan_lightning.networks.tasks import draw_edges
from dcgan_lightning.networks.translator import make_inputs, translate_images

SCORES = {
    "l1": "mean absolute difference from the true image, share of the grey range; 0 is best",
    "ssim": "structural similarity to the true image; 1 is best",
    "class_accuracy": "share that the held-out classifier takes for the true image's class; 1 is best",
    "frechet_distance": "to the test images; 0 is best",
    "edge_f1": "agreement of the edges with the true image's, within a pixel; 1 is best",
}


def score(given: ScoreInputs) -> dict[str, Any]:
    """Return the scores of the network and of baselines without training."""
    (network,) = given.networks.values()
    targets, training = given.data.load_images("test")[: given.count], given.data.load_images("train")
    labels = given.data.load_labels("test")[: given.count] if getattr(given.data, "verify", False) else None
    given.report("translating")
    inputs = make_inputs(network, targets)
    scores = _score(translate_images(network, inputs), targets, labels, given.features)
    given.report("the nearest training inputs")
    rows = (inputs.flatten(1), make_inputs(network, training).flatten(1))
    nearest = training[nearest_rows(*rows)[1]]
    real = _likeness(targets, labels, training[: len(targets)], given.features)
    return {
        "scores": scores,
        "baselines": {
            "inputs": _score(inputs, targets, labels, given.features),
            "nearest training input": _score(nearest, targets, labels, given.features),
            "real images": real,
        },
    }


def _score(
    images: Tensor, targets: Tensor, labels: Tensor | None, features: FeatureNetwork
) -> dict[str, float]:
    """Return the scores of images (N, C, H, W) against true ones."""
    made, true = images.float() / 255, targets.float() / 255
    similarity = structural_similarity_index_measure(made, true, data_range=1.0)
    assert isinstance(similarity, Tensor)
    return {
        "l1": mean_difference(images, targets),
        "ssim": float(similarity),
        **_likeness(images, labels, targets, features),
        "edge_f1": edge_agreement(images, targets),
    }


def _likeness(
    images: Tensor, labels: Tensor | None, reference: Tensor, features: FeatureNetwork
) -> dict[str, float]:
    """Return the scores of images' agreement with their classes and similarity to reference images."""
    scores = {}
    if images.shape[1:] == GARMENT_SHAPE:
        if labels is not None:
            scores["class_accuracy"] = float(found_classes(images, labels, features.device).double().mean())
        if min(len(images), len(reference)) > features.size:
            scores["frechet_distance"] = frechet_distance(features(reference), features(images))
    return scores


def edge_agreement(images: Tensor, targets: Tensor) -> float:
    """Return the agreement of the edges of two sets of images, uint8 (N, C, H, W), in [0, 1].

    It is the F-score over all images: the harmonic mean of the share of edge pixels of the first set with an
    edge pixel of the second at most one pixel away, and vice versa.

    Source:
        Martin et al. 2004, https://doi.org/10.1109/TPAMI.2004.1273918, with a tolerance in place of a
        matching.
    """
    of_images, of_targets = (draw_edges(normalize(part))[:, :1] > 0 for part in (images, targets))

    def found(edges: Tensor, others: Tensor) -> float:
        near = F.max_pool2d(others.float(), 3, stride=1, padding=1) > 0
        return float((edges & near).sum() / edges.sum().clamp(min=1))

    precision, recall = found(of_images, of_targets), found(of_targets, of_images)
    return 2 * precision * recall / max(precision + recall, torch.finfo(torch.float32).tiny)
