"""The shipped classifiers: one for the features, and a held-out one for class_accuracy."""

import hashlib
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.core.errors import MissingExtraError, WeightsError, install
from dcgan_lightning.core.pixels import normalize
from dcgan_lightning.evaluation.fashion_mnist.architectures import Architecture, build_trunk
from dcgan_lightning.networks import initialize

_WEIGHTS = Path(__file__).with_name("weights")
WEIGHTS_FILE = _WEIGHTS / "fashion_mnist_classifier.safetensors"  # its features give the distances
HELD_OUT_FILE = _WEIGHTS / "fashion_mnist_residual_classifier.safetensors"  # for class_accuracy only


class FashionClassifier(nn.Module):
    """A classifier of the ten classes of Fashion-MNIST.

    Args:
        dropout: Share of the features dropped in training, in [0, 1).
        generator: Source of the random numbers for the weights; PyTorch's default one if not given.
        architecture: Architecture of the layers before the last one.

    Attributes:
        architecture: Architecture of the layers before the last one.

    Shape:
        images (N, 1, 28, 28) in [-1, 1]; logits (N, 10), in the order of `CLASS_NAMES`.
    """

    def __init__(
        self,
        dropout: float = 0.5,
        generator: torch.Generator | None = None,
        architecture: Architecture = "convolutional",
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.trunk, features = build_trunk(architecture)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(features, len(CLASS_NAMES))
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


def load_classifier(path: Path = WEIGHTS_FILE) -> FashionClassifier:
    """Return a shipped classifier in inference mode, its weights frozen.

    Args:
        path: The file of weights; a JSON file of the same name holds their SHA-256 and architecture.

    Raises:
        WeightsError: The file is missing, or it differs from the one described by the JSON file.
        MissingExtraError: The package safetensors is not installed.
    """
    content = _read_checked(path)
    load = _safetensors().load
    try:
        with torch.device("meta"):  # no initialization of weights that are replaced
            network = FashionClassifier(architecture=_architecture(path))
        network.load_state_dict(load(content), assign=True)
    except Exception as error:  # safetensors has its own errors, PyTorch raises RuntimeError
        reason = " ".join(str(error).split())
        raise WeightsError(f"{path} does not hold the classifier's weights ({reason[:200]})") from error
    return network.to(memory_format=torch.channels_last).eval().requires_grad_(False)


@torch.no_grad()
def class_probabilities(network: FashionClassifier, images: Tensor, chunk: int = 1000) -> Tensor:
    """Return the predicted probabilities of the classes.

    Args:
        network: In inference mode.
        images: uint8 (N, 1, 28, 28), on the network's device.
        chunk: Images at a time.

    Returns:
        float32 (N, 10); rows sum to 1.
    """
    return torch.cat([network(normalize(part)).softmax(dim=1) for part in images.split(chunk)])


def accuracy(network: FashionClassifier, images: Tensor, labels: Tensor) -> float:
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
        known: dict[str, Any] = json.loads(description.read_text(encoding="utf-8"))
        str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{description} cannot be read ({type(error).__name__}); it belongs to the package, reinstall it"
        ) from error
    return known


def _architecture(path: Path) -> Architecture:
    """Return the architecture of a file of weights; older descriptions lack it and are convolutional."""
    settings = describe_weights(path).get("settings", {})
    architecture: Architecture = settings.get("architecture", "convolutional")
    return architecture


def _read_checked(path: Path) -> bytes:
    try:
        content = path.read_bytes()
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
