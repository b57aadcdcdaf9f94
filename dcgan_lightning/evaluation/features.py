"""Feature networks for the scores."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan_lightning.core.errors import MissingExtraError, ScoreError, WeightsError, install
from dcgan_lightning.core.pixels import normalize
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.evaluation.fashion_mnist.architectures import GARMENT_SHAPE
from dcgan_lightning.evaluation.fashion_mnist.classifier import (
    ImageClassifier,
    describe_weights,
    load_classifier,
)
from dcgan_lightning.evaluation.own_classifiers import OwnClassifiers
from dcgan_lightning.networks import initialize

FeatureName = Literal["classifier", "random", "pixels", "inception"]

COMPARED_SIDE = 32  # pixels a side to which larger images are downsampled before their pixels are compared
INCEPTION_FEATURES = 2048
WEAK_FEATURES = (
    "no classifier was trained on these images, so their features are weak (features=%s); compare with the "
    "anchors, %s, or give features=inception weights=FILE"
)
_RANDOM_FEATURES = 128  # as many as the classifier has


@dataclass(frozen=True, eq=False)
class FeatureNetwork:
    """A function from images to feature vectors, identified by name and hash.

    Attributes:
        name: One of `FeatureName`.
        digest: SHA-256 of the weights, "none" if there are no weights.
        size: Number of features per image.
        extract: Maps uint8 (n, C, H, W) on ``device`` to float (n, size).
        device: Device for the computation.
        shape: Shape (C, H, W) of the images.
        head: Maps (n, size) to the logits of the classes; None unless the features are the classifier's.
        chunk: Images at a time; it affects results by rounding only.
    """

    name: str
    digest: str
    size: int
    extract: Callable[[Tensor], Tensor]
    device: torch.device
    shape: tuple[int, int, int] = GARMENT_SHAPE
    head: nn.Module | None = None
    chunk: int = 100

    @property
    def label(self) -> str:
        """Name and short digest, for reports."""
        return self.name if self.digest == "none" else f"{self.name} {self.digest[:12]}"

    @property
    def key(self) -> tuple[str, str, str]:
        """Key that identifies the features."""
        return self.name, self.digest, str(self.device)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> Tensor:
        """Return the features of images.

        Args:
            images: uint8 (N, C, H, W), on any device.

        Returns:
            float32 (N, size), on the network's device.

        Raises:
            ScoreError: The images have another type or shape.
        """
        check_images(images, self.shape)
        return torch.cat([self.extract(part.to(self.device)) for part in images.split(self.chunk)]).float()


def check_images(images: Tensor, shape: tuple[int, int, int] = GARMENT_SHAPE) -> None:
    """Check that images are uint8 (N, C, H, W) of a shape (C, H, W) with N >= 1.

    Raises:
        ScoreError: They are not; the message names their type and shape.
    """
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1:] != shape or len(images) == 0:
        channels, height, width = shape
        raise ScoreError(
            f"scores are for {'grey' if channels == 1 else 'colour'} images of {height} x {width} pixels, "
            f"uint8 (N, {channels}, {height}, {width}) here; "
            f"got {str(images.dtype).removeprefix('torch.')} {tuple(images.shape)}"
        )


def choose_features(
    name: FeatureName, shape: tuple[int, int, int], own: OwnClassifiers | None = None
) -> FeatureName:
    """Return the features for images of a shape (C, H, W): random ones if there is no classifier for them."""
    has_classifier = shape == GARMENT_SHAPE or (own is not None and own.classifier is not None)
    return "random" if name == "classifier" and not has_classifier else name


def load_features(
    name: FeatureName = "classifier",
    weights: str | Path | None = None,
    device: torch.device | str = "cpu",
    shape: tuple[int, int, int] = GARMENT_SHAPE,
    own: OwnClassifiers | None = None,
) -> FeatureNetwork:
    """Return a feature network by its name.

    Args:
        name: "classifier": the last but one layer of the data set's own classifier if there is one,
            otherwise of the shipped one. Controls are "random", the same
            layer of an untrained network, for other images of one that takes any, and "pixels", the images
            themselves in [-1, 1], reduced to at most 32 x 32. "inception": the FID's Inception-v3, from
            ``weights``.
        weights: For "inception" only: torch-fidelity's file of weights, pt_inception-2015-12-05-6726825d.pth.
        device: Device for the computation.
        shape: Shape (C, H, W) of the images.
        own: Classifiers that were trained on the data set.

    Raises:
        ScoreError: The name is unknown or not for such images, or ``weights`` is missing or given for another
            name.
        WeightsError: The weights are missing, damaged or of another network.
        MissingExtraError: A required package is not installed.
    """
    device = torch.device(device)
    if name not in get_args(FeatureName):
        raise ScoreError(f"features must be one of {', '.join(get_args(FeatureName))}; got {name!r}")
    if (weights is not None) != (name == "inception"):
        raise ScoreError(
            "features=inception needs weights=FILE, torch-fidelity's pt_inception-2015-12-05-6726825d.pth"
            if weights is None
            else f"weights={weights} is for features=inception only; leave it out with features={name}"
        )
    if name == "pixels":
        size = shape[0] * min(COMPARED_SIDE, shape[1]) * min(COMPARED_SIDE, shape[2])
        return FeatureNetwork(name, "none", size, reduced_pixels, device, shape)
    if name == "inception":
        assert weights is not None
        return _inception(Path(weights), device, shape)
    if name == "random" and shape != GARMENT_SHAPE:
        return _random(device, shape)
    if name == "classifier" and own is not None and own.classifier is not None:
        network, digest = own.classifier, own.digest
    elif shape != GARMENT_SHAPE:
        raise ScoreError(f"features={name} is not for images of {' x '.join(map(str, shape))}; use random")
    elif name == "classifier":
        network, digest = load_classifier(), str(describe_weights()["sha256"])
    else:
        network = ImageClassifier(generator=stream_generator(0, "init")).eval().requires_grad_(False)
        digest = hash_weights(network)
    network.to(device)
    head = network.head if name == "classifier" else None
    return FeatureNetwork(
        name,
        digest,
        network.head.in_features,
        lambda images: network.features(normalize(images)),
        device,
        shape,
        head,
    )


def is_reduced(shape: tuple[int, int, int]) -> bool:
    """Return whether images of a shape (C, H, W) are larger than the pixels that are compared."""
    return max(shape[1:]) > COMPARED_SIDE


def reduced_pixels(images: Tensor) -> Tensor:
    """Return images uint8 (N, C, H, W), downsampled to at most 32 x 32 pixels, as rows (N, D) in [-1, 1]."""
    height, width = (min(COMPARED_SIDE, side) for side in images.shape[2:])
    return F.adaptive_avg_pool2d(normalize(images), (height, width)).flatten(1)


def _random(device: torch.device, shape: tuple[int, int, int]) -> FeatureNetwork:
    """Return untrained convolutions with a mean over the pixels at the end."""
    widths = (shape[0], 32, 64, _RANDOM_FEATURES)
    network = nn.Sequential()
    for few, many in pairwise(widths):
        network.extend([nn.Conv2d(few, many, 3, stride=2, padding=1), nn.ReLU()])
    network.extend([nn.AdaptiveAvgPool2d(1), nn.Flatten()])
    initialize(network, "glorot_uniform", stream_generator(0, "init"))
    network.eval().requires_grad_(False).to(device)
    digest = hash_weights(network)

    def extract(images: Tensor) -> Tensor:
        features: Tensor = network(normalize(images))
        return features

    return FeatureNetwork("random", digest, _RANDOM_FEATURES, extract, device, shape)


def hash_weights(network: nn.Module) -> str:
    """Return the SHA-256 of a network's weights, sorted by name."""
    digest = hashlib.sha256()
    for name, weight in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _inception(path: Path, device: torch.device, shape: tuple[int, int, int]) -> FeatureNetwork:
    """Return the FID's Inception-v3, which resizes images itself; greyscale becomes three equal channels."""
    if not path.is_file():
        raise WeightsError(f"weights={path} does not exist; give torch-fidelity's file of Inception weights")
    from torchmetrics.image.fid import NoTrainInceptionV3
    from torchmetrics.utilities.imports import _TORCH_FIDELITY_AVAILABLE

    if not _TORCH_FIDELITY_AVAILABLE:
        raise MissingExtraError(
            f"features=inception needs the package torch-fidelity; {install('inception')}"
        )
    try:
        network = NoTrainInceptionV3("inception-v3-compat", [str(INCEPTION_FEATURES)], str(path))
    except Exception as error:  # pickle, zipfile and PyTorch raise errors of many kinds
        reason = " ".join(str(error).split())[:150]
        raise WeightsError(
            f"weights={path} are not torch-fidelity's Inception weights ({type(error).__name__}: {reason})"
        ) from error
    network.to(device)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()

    def extract(images: Tensor) -> Tensor:
        features: Tensor = network(images.expand(-1, 3, -1, -1))
        return features

    return FeatureNetwork("inception", digest, INCEPTION_FEATURES, extract, device, shape, chunk=50)
