"""Scores of the quality and newness of generated images, with anchors for comparison."""

from dcgan_lightning.config.commands import METRICS
from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.evaluation.fashion_mnist.anchors import (
    ANCHORS,
    anchor_images,
    compute_anchors,
    shipped_anchors,
)
from dcgan_lightning.evaluation.fashion_mnist.architectures import GARMENT_SHAPE
from dcgan_lightning.evaluation.fashion_mnist.classifier import ImageClassifier, load_classifier
from dcgan_lightning.evaluation.features import FeatureNetwork, load_features
from dcgan_lightning.evaluation.real_images import RealImages
from dcgan_lightning.evaluation.scores import CHEAP_METRICS, score_images

__all__ = [
    "ANCHORS",
    "CHEAP_METRICS",
    "CLASS_NAMES",
    "GARMENT_SHAPE",
    "METRICS",
    "FeatureNetwork",
    "ImageClassifier",
    "RealImages",
    "anchor_images",
    "compute_anchors",
    "load_classifier",
    "load_features",
    "score_images",
    "shipped_anchors",
]
