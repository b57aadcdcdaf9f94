"""Anchors: scores of images of known quality, for comparison with other scores."""

import json
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import dcgan_lightning
from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.core.errors import ScoreError, WeightsError
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.evaluation.fashion_mnist.classifier import (
    HELD_OUT_FILE,
    WEIGHTS_FILE,
    accuracy,
    describe_weights,
    load_classifier,
)
from dcgan_lightning.evaluation.features import FeatureNetwork
from dcgan_lightning.evaluation.real_images import RealImages
from dcgan_lightning.evaluation.scores import score_images
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

# Rounding differs between processors and versions of PyTorch; the noise of the scores is far larger.
RELATIVE_TOLERANCE = 0.01
SHARE_TOLERANCE = 0.002  # of the scores that are shares of images or ratios
KERNEL_TOLERANCE = 0.1  # of the kernel distance, which lies around 0: as a part of its spread
ACCURACY_TOLERANCE = 0.001  # 10 of the 10,000 test images


def anchor_images(name: str, real: RealImages, count: int = ANCHOR_COUNT) -> Tensor:
    """Return the images of an anchor, uint8 (count, 1, 28, 28), which are always the same.

    Args:
        name: One of `ANCHORS`.
        real: Real images, with training images and their labels.
        count: Number of images, at most that of the training images (without the missing class).

    Raises:
        ScoreError: There are too few training images, or their labels are missing.
    """
    assert real.train is not None
    if name == "untrained":
        return sample_images(Generator(generator=stream_generator(0, "init")), count)
    if name == "mean_image":
        mean = real.train.double().mean(dim=0, keepdim=True).round().byte()
        return mean.expand(count, -1, -1, -1).contiguous()
    generator = stream_generator(0, "anchors")
    images = real.train[_draw_rows(name, real, count, generator)]
    if name == "noise":
        noise = NOISE * torch.randn(images.shape, generator=generator)
        return (images + noise).round().clamp(0, 255).byte()
    if name == "blur":
        from torchvision.transforms.functional import gaussian_blur  # a second to import, and rarely needed

        blurred: Tensor = gaussian_blur(images, [7, 7], [BLUR, BLUR])
        return blurred
    return images


def anchor_labels(name: str, real: RealImages, count: int = ANCHOR_COUNT) -> Tensor | None:
    """Return the intended classes of an anchor's images, int64 (count,), or None if they are unknown.

    For training images these are their classes; the other anchors' images cycle through all classes.

    Args:
        name: One of `ANCHORS`.
        real: With training images and their labels.
        count: Number of images.
    """
    if name in ("untrained", "mean_image"):
        return torch.arange(count) % len(CLASS_NAMES)
    if real.train_labels is None:
        return None
    return real.train_labels[_draw_rows(name, real, count, stream_generator(0, "anchors"))]


def _draw_rows(name: str, real: RealImages, count: int, generator: torch.Generator) -> Tensor:
    """Return which training images an anchor consists of."""
    assert real.train is not None
    rows = torch.arange(len(real.train))
    if name == "missing_class":
        if real.train_labels is None:
            raise ScoreError("the anchor missing_class needs the training images' labels")
        rows = rows[real.train_labels != CLASS_NAMES.index(MISSING_CLASS)]
    if len(rows) < count:
        raise ScoreError(f"the anchor {name} needs {count:,} training images, there are {len(rows):,}")
    return rows[torch.randperm(len(rows), generator=generator)[:count]]


def compute_anchors(
    real: RealImages,
    network: FeatureNetwork,
    count: int = ANCHOR_COUNT,
    report: Callable[[str], None] = lambda name: None,
) -> dict[str, dict[str, Any]]:
    """Return the scores of each anchor.

    Args:
        real: The test images as reference, training images and labels.
        network: Feature network.
        count: Images per anchor.
        report: Called with the name of each anchor before it is computed.
    """
    anchors = {}
    for name in ANCHORS:
        report(name)
        labels = anchor_labels(name, real, count)
        scores = score_images(anchor_images(name, real, count), real, network, labels=labels)
        del scores["closest"]
        anchors[name] = scores
    return anchors


def write_anchors(
    anchors: Mapping[str, Mapping[str, Any]], network: FeatureNetwork, folder: Path
) -> tuple[dict[str, Any], Path]:
    """Write the shipped file with a feature network's anchors replaced by new ones.

    Args:
        anchors: From `compute_anchors`.
        network: Their feature network.
        folder: Output folder for ``anchors.json``, or for other features ``anchors_<name>.json``.

    Returns:
        The file's contents and its path.
    """
    content: dict[str, Any] = json.loads(ANCHORS_FILE.read_text(encoding="utf-8"))
    content["features"][network.name] = {
        "digest": network.digest,
        "versions": versions(),
        "anchors": anchors,
    }
    kind = "" if network.name == "classifier" else f"_{network.name}"
    path = folder / f"{ANCHORS_FILE.stem}{kind}{ANCHORS_FILE.suffix}"
    write_atomic(path, f"{json.dumps(content, indent=1)}\n".encode())
    return content, path


def versions() -> dict[str, str]:
    """Return the versions that scores depend on."""
    return {
        "dcgan_lightning": dcgan_lightning.__version__,
        "torch": str(torch.__version__),
        "torchmetrics": metadata.version("torchmetrics"),
    }


def shipped_anchors(network: FeatureNetwork, path: Path = ANCHORS_FILE) -> dict[str, dict[str, Any]] | None:
    """Return the package's anchors for a feature network, or None if there are none for its weights.

    Raises:
        WeightsError: The file is missing or damaged.
    """
    try:
        known = json.loads(path.read_text(encoding="utf-8"))["features"].get(network.name)
        anchors = known["anchors"] if known and known["digest"] == network.digest else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(
            f"{path} cannot be read ({type(error).__name__}); it belongs to the package, reinstall it"
        ) from error
    return anchors


def measure_accuracies(images: Tensor, labels: Tensor) -> dict[str, tuple[float, float]]:
    """Return the accuracy of each shipped classifier on these images, and the recorded one.

    Args:
        images: uint8 (N, 1, 28, 28), the test images.
        labels: int64 (N,), their classes.
    """
    return {
        name: (
            accuracy(load_classifier(path), images, labels),
            float(describe_weights(path)["test_accuracy"]),
        )
        for name, path in (("classifier", WEIGHTS_FILE), ("held-out classifier", HELD_OUT_FILE))
    }


def check_deviations(
    anchors: Mapping[str, Mapping[str, Any]],
    shipped: Mapping[str, Mapping[str, Any]],
    accuracies: Mapping[str, tuple[float, float]],
) -> None:
    """Check that anchors and accuracies of the classifiers equal the shipped ones within tolerances.

    A score may differ by 1 % of its shipped value plus 0.002, an accuracy by 0.001. Distances have no natural
    scale: for the kernel distance a tenth of its spread replaces the 0.002, for Fréchet distances 0 does.
        Scores
    of single classes are not compared.

    Args:
        anchors: Scores by the anchor's name.
        shipped: Shipped scores by the anchor's name.
        accuracies: From `measure_accuracies`.

    Raises:
        ScoreError: A value differs by more than its tolerance; the message names the first one.
    """
    for name, (found, known) in accuracies.items():
        if not abs(found - known) <= ACCURACY_TOLERANCE:  # also if NaN
            raise ScoreError(f"the {name}'s test accuracy is {found:.4f}, shipped: {known:.4f}")
    for name, scores in anchors.items():
        for score, value in scores.items():
            if not isinstance(value, float):
                continue
            if (wanted := shipped[name].get(score)) is None:
                raise ScoreError(f"{score} of the anchor {name} is {value:.5g}, and the package ships none")
            if not abs(value - wanted) <= _tolerance(score, shipped[name]):
                raise ScoreError(f"{score} of the anchor {name} is {value:.5g}, shipped: {wanted:.5g}")


def _tolerance(score: str, shipped: Mapping[str, Any]) -> float:
    """Return by how much a score may differ from its shipped value."""
    besides = {
        "frechet_distance": 0.0,
        "class_frechet": 0.0,
        "kernel_spread": 0.0,
        "kernel_distance": KERNEL_TOLERANCE * shipped["kernel_spread"],
    }
    return RELATIVE_TOLERANCE * abs(shipped[score]) + besides.get(score, SHARE_TOLERANCE)
