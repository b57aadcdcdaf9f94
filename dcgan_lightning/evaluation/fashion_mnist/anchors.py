"""Anchors: the scores of images whose quality is known, to read other scores by."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor

from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.core.errors import ScoreError, WeightsError
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.evaluation.features import FeatureNetwork
from dcgan_lightning.evaluation.scores import RealImages, score_images
from dcgan_lightning.networks import Generator
from dcgan_lightning.networks.sampling import sample_images

ANCHORS_FILE = Path(__file__).with_name("anchors.json")
ANCHOR_COUNT = 10_000
NOISE = 25.5  # standard deviation in grey levels: a tenth of the range
BLUR = 1.0  # standard deviation in pixels
MISSING_CLASS = "sneaker"

ANCHORS = {
    "real": "real training images: the floor",
    "noise": "the same with noise of a tenth of the grey range",
    "blur": "the same, blurred by one pixel",
    "missing_class": f"real training images without the class {MISSING_CLASS}",
    "mean_image": "the mean training image, again and again",
    "untrained": "the notebook's generator before training",
}

# Another processor or version of PyTorch rounds otherwise; the scores' own noise is far larger.
RELATIVE_TOLERANCE = 0.01
SHARE_TOLERANCE = 0.002  # of the scores that are shares of images or ratios
KERNEL_TOLERANCE = 0.1  # of the kernel distance, which lies around 0: as a part of its spread
ACCURACY_TOLERANCE = 0.001  # 10 of the 10,000 test images


def anchor_images(name: str, real: RealImages, count: int = ANCHOR_COUNT) -> Tensor:
    """Return the images of an anchor, always the same: uint8 (count, 1, 28, 28).

    Args:
        name: One of `ANCHORS`.
        real: With training images and their labels.
        count: Number of images, at most that of the training images (without the missing class).

    Raises:
        ScoreError: There are too few training images, or no labels where they are needed.
    """
    assert real.train is not None
    if name == "untrained":
        return sample_images(Generator(generator=stream_generator(0, "init")), count)
    if name == "mean_image":
        mean = real.train.double().mean(dim=0, keepdim=True).round().byte()
        return mean.expand(count, -1, -1, -1).contiguous()
    images = real.train
    if name == "missing_class":
        if real.train_labels is None:
            raise ScoreError("the anchor missing_class needs the training images' labels")
        images = images[real.train_labels != CLASS_NAMES.index(MISSING_CLASS)]
    generator = stream_generator(0, "anchors")
    if len(images) < count:
        raise ScoreError(f"the anchor {name} needs {count:,} training images, there are {len(images):,}")
    images = images[torch.randperm(len(images), generator=generator)[:count]]
    if name == "noise":
        noise = NOISE * torch.randn(images.shape, generator=generator)
        return (images + noise).round().clamp(0, 255).byte()
    if name == "blur":
        return torchvision.transforms.functional.gaussian_blur(images, [7, 7], [BLUR, BLUR])
    return images


def compute_anchors(
    real: RealImages,
    network: FeatureNetwork,
    count: int = ANCHOR_COUNT,
    report: Callable[[str], None] = lambda name: None,
) -> dict[str, dict[str, Any]]:
    """Return the scores of each anchor.

    Args:
        real: The test images as reference, training images and labels.
        network: What to look through.
        count: Images an anchor.
        report: Takes the name of each anchor before it is computed.
    """
    anchors = {}
    for name in ANCHORS:
        report(name)
        scores = score_images(anchor_images(name, real, count), real, network)
        del scores["closest"]
        anchors[name] = scores
    return anchors


def shipped_anchors(network: FeatureNetwork, path: Path = ANCHORS_FILE) -> dict[str, dict[str, Any]] | None:
    """Return the package's anchors for a feature network, or None if it has none for just these weights.

    Raises:
        WeightsError: The file is missing or damaged.
    """
    try:
        known = json.loads(path.read_text(encoding="utf-8"))["features"].get(network.name)
        anchors = known["anchors"] if known and known["digest"] == network.digest else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{path} cannot be read ({type(error).__name__}); it belongs to the package, install it anew"
        ) from error
    return anchors


def check_deviations(
    anchors: Mapping[str, Mapping[str, Any]],
    shipped: Mapping[str, Mapping[str, Any]],
    accuracy: float,
    shipped_accuracy: float,
) -> None:
    """Refuse anchors, and an accuracy of the classifier, that are not the shipped ones.

    A score may differ by 0.01 of its shipped value and besides by 0.002, the accuracy by 0.001. The two
    distances have no scale of their own: instead of 0.002 the kernel distance may differ by a tenth of its
    spread, the Fréchet distance by nothing more. The class histogram is not compared; its divergence is.

    Raises:
        ScoreError: Names the first that differs by more.
    """
    if not abs(accuracy - shipped_accuracy) <= ACCURACY_TOLERANCE:  # also what is no number
        raise ScoreError(f"the classifier's test accuracy is {accuracy:.4f}, shipped: {shipped_accuracy:.4f}")
    for name, scores in anchors.items():
        for score, value in scores.items():
            wanted = shipped[name][score]
            if isinstance(value, float) and not abs(value - wanted) <= _tolerance(score, shipped[name]):
                raise ScoreError(f"{score} of the anchor {name} is {value:.5g}, shipped: {wanted:.5g}")


def _tolerance(score: str, shipped: Mapping[str, Any]) -> float:
    """Return by how much a score may differ from its shipped value."""
    besides = {
        "frechet_distance": 0.0,
        "kernel_spread": 0.0,
        "kernel_distance": KERNEL_TOLERANCE * shipped["kernel_spread"],
    }
    return RELATIVE_TOLERANCE * abs(shipped[score]) + besides.get(score, SHARE_TOLERANCE)
