"""Feature networks for the scores."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from dcgan_lightning.core.errors import MissingExtraError, ScoreError, WeightsError, install
from dcgan_lightning.core.pixels import normalize
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.evaluation.fashion_mnist.classifier import (
    FashionClassifier,
    describe_weights,
    load_classifier,
)

FeatureName = Literal["classifier", "random", "pixels", "inception"]

SHAPE = (1, 28, 28)
INCEPTION_FEATURES = 2048


@dataclass(frozen=True, eq=False)
class FeatureNetwork:
    """A function from images to feature vectors, identified by name and hash.

    Attributes:
        name: One of `FeatureName`.
        digest: SHA-256 of the weights, "none" if there are no weights.
        size: Number of features per image.
        extract: Maps uint8 (n, 1, 28, 28) on ``device`` to float (n, size).
        device: Device for the computation.
        head: Maps (n, size) to the logits of the classes; None unless the features are the classifier's.
        chunk: Images at a time; it affects results by rounding only.
    """

    name: str
    digest: str
    size: int
    extract: Callable[[Tensor], Tensor]
    device: torch.device
    head: nn.Module | None = None
    chunk: int = 1000

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
            images: uint8 (N, 1, 28, 28), on any device.

        Returns:
            float32 (N, size), on the network's device.

        Raises:
            ScoreError: The images have another type or shape.
        """
        check_images(images)
        return torch.cat([self.extract(part.to(self.device)) for part in images.split(self.chunk)]).float()


def check_images(images: Tensor) -> None:
    """Check that images are uint8 (N, 1, 28, 28) with N >= 1.

    Raises:
        ScoreError: They are not; the message names their type and shape.
    """
    if images.dtype != torch.uint8 or images.ndim != 4 or images.shape[1:] != SHAPE or len(images) == 0:
        raise ScoreError(
            "scores are for grey images of 28 x 28 pixels, uint8 (N, 1, 28, 28); "
            f"got {str(images.dtype).removeprefix('torch.')} {tuple(images.shape)}"
        )


def load_features(
    name: FeatureName = "classifier",
    weights: str | Path | None = None,
    device: torch.device | str = "cpu",
) -> FeatureNetwork:
    """Return a feature network by its name.

    Args:
        name: "classifier": the last but one layer of the shipped classifier. Controls are "random", the same
            layer of an untrained network, and "pixels", the images themselves in [-1, 1]. "inception": the
            FID's Inception-v3, from ``weights``.
        weights: For "inception" only: torch-fidelity's file of weights, pt_inception-2015-12-05-6726825d.pth.
        device: Device for the computation.

    Raises:
        ScoreError: The name is unknown, or ``weights`` is missing or given for another name.
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
        return FeatureNetwork(name, "none", 28 * 28, lambda images: normalize(images).flatten(1), device)
    if name == "inception":
        assert weights is not None
        return _inception(Path(weights), device)
    if name == "classifier":
        network, digest = load_classifier(), str(describe_weights()["sha256"])
    else:
        network = FashionClassifier(generator=stream_generator(0, "init")).eval().requires_grad_(False)
        digest = hash_weights(network)
    network.to(device)
    head = network.head if name == "classifier" else None
    return FeatureNetwork(
        name,
        digest,
        network.head.in_features,
        lambda images: network.features(normalize(images)),
        device,
        head,
    )


def hash_weights(network: nn.Module) -> str:
    """Return the SHA-256 of a network's weights, sorted by name."""
    digest = hashlib.sha256()
    for name, weight in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(weight.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _inception(path: Path, device: torch.device) -> FeatureNetwork:
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

    return FeatureNetwork("inception", digest, INCEPTION_FEATURES, extract, device, chunk=50)
