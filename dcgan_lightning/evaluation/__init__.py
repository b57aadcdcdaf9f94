"""Scores of the quality and newness of generated images, with anchors for comparison.

Names are imported when they are first used: ``generate`` needs neither torchvision nor Lightning.
"""

from typing import TYPE_CHECKING

from dcgan_lightning.core.lazy import importing

if TYPE_CHECKING:
    from dcgan_lightning.config.commands import METRICS as METRICS
    from dcgan_lightning.config.data import CLASS_NAMES as CLASS_NAMES
    from dcgan_lightning.evaluation.fashion_mnist.anchors import ANCHORS as ANCHORS
    from dcgan_lightning.evaluation.fashion_mnist.anchors import anchor_images as anchor_images
    from dcgan_lightning.evaluation.fashion_mnist.anchors import compute_anchors as compute_anchors
    from dcgan_lightning.evaluation.fashion_mnist.anchors import shipped_anchors as shipped_anchors
    from dcgan_lightning.evaluation.fashion_mnist.architectures import GARMENT_SHAPE as GARMENT_SHAPE
    from dcgan_lightning.evaluation.fashion_mnist.classifier import ImageClassifier as ImageClassifier
    from dcgan_lightning.evaluation.fashion_mnist.classifier import load_classifier as load_classifier
    from dcgan_lightning.evaluation.features import FeatureNetwork as FeatureNetwork
    from dcgan_lightning.evaluation.features import load_features as load_features
    from dcgan_lightning.evaluation.real_images import RealImages as RealImages
    from dcgan_lightning.evaluation.scores import CHEAP_METRICS as CHEAP_METRICS
    from dcgan_lightning.evaluation.scores import score_images as score_images

_HOMES = {
    "ANCHORS": "evaluation.fashion_mnist.anchors",
    "CHEAP_METRICS": "evaluation.scores",
    "CLASS_NAMES": "config.data",
    "FeatureNetwork": "evaluation.features",
    "GARMENT_SHAPE": "evaluation.fashion_mnist.architectures",
    "ImageClassifier": "evaluation.fashion_mnist.classifier",
    "METRICS": "config.commands",
    "RealImages": "evaluation.real_images",
    "anchor_images": "evaluation.fashion_mnist.anchors",
    "compute_anchors": "evaluation.fashion_mnist.anchors",
    "load_classifier": "evaluation.fashion_mnist.classifier",
    "load_features": "evaluation.features",
    "score_images": "evaluation.scores",
    "shipped_anchors": "evaluation.fashion_mnist.anchors",
}

__getattr__ = importing(__name__, _HOMES)
