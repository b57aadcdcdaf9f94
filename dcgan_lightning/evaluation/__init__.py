"""Scores: how good and how new generated images are, beside anchors to read them by."""

from dcgan_lightning.evaluation.anchors import ANCHORS, anchor_images, compute_anchors, shipped_anchors
from dcgan_lightning.evaluation.classifier import FashionClassifier, load_classifier
from dcgan_lightning.evaluation.features import FeatureNetwork, load_features
from dcgan_lightning.evaluation.scores import CHEAP_METRICS, METRICS, RealImages, score_images
from dcgan_lightning.rules import CLASS_NAMES

__all__ = [
    "ANCHORS",
    "CHEAP_METRICS",
    "CLASS_NAMES",
    "METRICS",
    "FashionClassifier",
    "FeatureNetwork",
    "RealImages",
    "anchor_images",
    "compute_anchors",
    "load_classifier",
    "load_features",
    "score_images",
    "shipped_anchors",
]
