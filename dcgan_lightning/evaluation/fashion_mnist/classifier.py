"""Classifiers: the shipped ones, for the features and (held out) for class_accuracy, and others like them."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.core.errors import MissingExtraError, WeightsError, install
from dcgan_lightning.core.pixels import normalize
from dcgan_lightning.core.regular_files import read_file, read_text
from dcgan_lightning.evaluation.fashion_mnist.architectures import GARMENT_SHAPE, Architecture, build_trunk
from dcgan_lightning.networks import initialize

_WEIGHTS = Path(__file__).with_name("weights")
WEIGHTS_FILE = _WEIGHTS / "fashion_mnist_classifier.safetensors"  # its features give the distances
HELD_OUT_FILE = _WEIGHTS / "fashion_mnist_residual_classifier.safetensors"  # for class_accuracy only


class ImageClassifier(nn.Module):
    """A classifier of images, with the shape and the classes of Fashion-MNIST unless others are given.

    Args:
        dropout: Share of the features dropped in training, in [0, 1).
        generator: Source of the random numbers for the weights; PyTorch's default one if not given.
        architecture: Architecture of the layers before the last one.
        shape: Shape (C, H, W) of the images.
        classes: Number of classes.

    Attributes:
        architecture: Architecture of the layers before the last one.

    Shape:
        images (N, C, H, W) in [-1, 1]; logits (N, classes), for Fashion-MNIST in the order of `CLASS_NAMES`.
    """

    def __init__(
        self,
        dropout: float = 0.5,
        generator: torch.Generator | None = None,
        architecture: Architecture = "convolutional",
        shape: tuple[int, int, int] = GARMENT_SHAPE,
        classes: int = len(CLASS_NAMES),
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.trunk, features = build_trunk(architecture, shape)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(features, classes)
        initialize(self, "glorot_uniform", generator)
        self.to(memory_format=torch.channels_last)  # twice as fast on a CPU

    def features(self, images: Tensor) -> Tensor:
        """Return the input of the last layer, >= 0: (N, 128), or (N, 96) for the residual architecture."""
        features: Tensor = self.trunk(images)
        return features

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of the classes (shapes: see the class)."""
        logits: Tensor = self.head(self.dropout(self.features(images)))
        return logits


def load_classifier(path: Path = WEIGHTS_FILE) -> ImageClassifier:
    """Return a trained classifier in inference mode, its weights frozen.

    Args:
        path: The file of weights; a JSON file of the same name holds their SHA-256, architecture, shape and
            classes.

    Raises:
        WeightsError: The file is missing, or it differs from the one described by the JSON file.
        MissingExtraError: The package safetensors is not installed.
    """
    content = _read_checked(path)
    load = _safetensors().load
    try:
        with torch.device("meta"):  # no initialization of weights that are replaced
            network = ImageClassifier(**_structure(path))
        network.load_state_dict(load(content), assign=True)
    except Exception as error:  # safetensors has its own errors, PyTorch raises RuntimeError
        reason = " ".join(str(error).split())
        raise WeightsError(f"{path} does not hold the classifier's weights ({reason[:200]})") from error
    return network.to(memory_format=torch.channels_last).eval().requires_grad_(False)


@torch.no_grad()
def class_probabilities(network: ImageClassifier, images: Tensor, chunk: int = 100) -> Tensor:
    """Return the predicted probabilities of the classes.

    Args:
        network: In inference mode.
        images: uint8 (N, C, H, W), on the network's device.
        chunk: Images at a time.

    Returns:
        float32 (N, classes); rows sum to 1.
    """
    return torch.cat([network(normalize(part)).softmax(dim=1) for part in images.split(chunk)])


def accuracy(network: ImageClassifier, images: Tensor, labels: Tensor) -> float:
    """Return the share of images (see `class_probabilities`) that are classified correctly, in [0, 1]."""
    told = class_probabilities(network, images).argmax(dim=1)
    return int((told == labels).sum()) / len(labels)


def encode_weights(network: nn.Module) -> bytes:
    """Return a network's weights as the bytes of a safetensors file, the same for the same weights.

    Raises:
        MissingExtraError: The package safetensors is not installed.
    """
    weights = {name: weight.contiguous() for name, weight in network.state_dict().items()}
    data: bytes = _safetensors().save(weights)
    return data


def describe_weights(path: Path = WEIGHTS_FILE) -> dict[str, Any]:
    """Return the description of a file of weights: ``sha256``, ``test_accuracy``, ``settings``, ``versions``.

    Raises:
        WeightsError: The JSON file beside the weights is missing or damaged.
    """
    description = path.with_suffix(".json")
    try:
        known: dict[str, Any] = json.loads(read_text(description))
        known["sha256"] = str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{description} cannot be read ({type(error).__name__}); it belongs to the package, reinstall it"
        ) from error
    return known


def _structure(path: Path) -> dict[str, Any]:
    """Return what `ImageClassifier` needs for a file of weights; the shipped ones have the default shape."""
    known = describe_weights(path)
    structure = {"architecture": known.get("settings", {}).get("architecture", "convolutional")}
    if "shape" in known:
        structure |= {"shape": tuple(known["shape"]), "classes": len(known["classes"])}
    return structure


def _read_checked(path: Path) -> bytes:
    try:
        content = read_file(path)
    except OSError as error:
        raise WeightsError(
            f"the classifier's weights {path} cannot be read ({error.strerror}); they belong to the package, "
            "reinstall it"
        ) from error
    wanted, found = describe_weights(path)["sha256"], hashlib.sha256(content).hexdigest()
    if found != wanted:
        raise WeightsError(
            f"{path} is damaged or another file: its SHA-256 is {found[:12]}..., expected {wanted[:12]}...; "
            "reinstall the package"
        )
    return content


def _safetensors() -> Any:
    try:
        import safetensors.torch
    except ImportError as error:
        raise MissingExtraError(
            f"the classifier needs the package safetensors; {install('scores')}"
        ) from error
    return safetensors.torch
