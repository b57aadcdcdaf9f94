"""Anchors of any data set: scores of its real images, of degraded ones, and of a single repeated image."""

from collections.abc import Collection, Mapping
from typing import Any

from dcgan_lightning.config.commands import Metric
from dcgan_lightning.evaluation.fashion_mnist.anchors import ANCHORS, anchor_images
from dcgan_lightning.evaluation.features import FeatureNetwork
from dcgan_lightning.evaluation.real_images import RealImages
from dcgan_lightning.evaluation.scores import score_images

_SHOWN = {"frechet_distance": "Fréchet distance", "coverage": "coverage"}
OWN_ANCHORS = {name: ANCHORS[name] for name in ("real", "noise", "blur", "mean_image")}
_METRICS: tuple[Metric, ...] = ("frechet", "kernel", "manifold")  # newness of training images would be 0


def own_anchors(
    real: RealImages, network: FeatureNetwork, metrics: Collection[Metric], count: int
) -> tuple[int, dict[str, dict[str, Any]]]:
    """Return the number of images per anchor, and the scores by the anchor's name.

    Args:
        real: The held-out images as reference, and the training images.
        network: Feature network.
        metrics: The scores of the generated images; without any that has anchors there are no anchors.
        count: Number of generated images; anchors have at most as many images as there are training images.
    """
    assert real.train is not None
    chosen = [metric for metric in _METRICS if metric in metrics]
    count = min(count, len(real.train))
    if not chosen or ("frechet" in chosen and count <= network.size):
        return count, {}
    return count, {
        name: score_images(anchor_images(name, real, count), real, network, chosen) for name in OWN_ANCHORS
    }


def describe_anchors(
    count: int, anchors: Mapping[str, Mapping[str, Any]], network: FeatureNetwork, wanted: int
) -> str:
    """Return the anchors in a line.

    Args:
        count: Number of images per anchor.
        anchors: From `own_anchors`.
        network: Feature network.
        wanted: Number of generated images.
    """
    if not anchors:
        return (
            f"no scores of real images to compare with: features={network.name} needs at least "
            f"{network.size + 1} held-out images, there are {count:,}"
        )
    parts = [
        f"{name.replace('_', ' ')} {', '.join(f'{title} {scores[key]:.3g}' for key, title in _SHOWN.items())}"
        for name, scores in anchors.items()
    ]
    fewer = "" if count >= wanted else f" (of {wanted:,} the Fréchet distance would be lower)"
    return f"scores of {count:,} held-out images{fewer}, seen through {network.label}: {'; '.join(parts)}"
