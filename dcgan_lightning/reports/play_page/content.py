"""What play pages show, as plain values."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Network:
    """A network for the page's interpreter.

    Attributes:
        layers: Its inputs, operations, output and tensors (see `inference.operations`).
        weights: All tensors one after the other.
    """

    layers: Mapping[str, Any]
    weights: bytes

    def as_json(self) -> dict[str, Any]:
        """Return both as plain values."""
        return {**self.layers, "weights": as_text(self.weights)}


@dataclass(frozen=True)
class Quiz:
    """Real images to tell from generated ones.

    Attributes:
        images: Bytes (count, C, H, W).
        numbers: Where each one is in its data set, from 0.
        labels: The class of each, 0 where there are none.
    """

    images: bytes
    numbers: Sequence[int]
    labels: Sequence[int]


@dataclass(frozen=True)
class PlayPage:
    """What a page of a generator that makes images from noise shows.

    Attributes:
        name: Of the run.
        network: Makes an image of a noise vector, and of a mixture of classes if there are any.
        latent_dim: Length of a noise vector.
        classes: Names of the classes, as commands take them; none for a generator without classes.
        directions: Of the latent space: ``low`` and ``high``, the names of the ends, and the ``vector``.
        stream: Seed of the first noise vectors (see `networks.sampling.sample_noise`).
        seed: That of ``generate`` for the same vectors.
        count: How many numbered pictures there are.
        command: That generates images with the same network.
        facts: Sentences for the end of the page.
        quiz: None: the page has none.
    """

    name: str
    network: Network
    latent_dim: int
    classes: Sequence[str]
    directions: Sequence[Mapping[str, Any]]
    stream: int
    seed: int
    count: int
    command: str
    facts: Sequence[str]
    quiz: Quiz | None = None


@dataclass(frozen=True, eq=False)
class Way:
    """A network that makes an image of an image.

    Attributes:
        direction: Its name in commands.
        network: Takes and makes images.
        source: What it makes images of, as "drawing" or "sneaker".
        target: What it makes.
        is_drawing: Inputs are white lines on black.
        inputs: Examples, uint8 (N, C, H, W): the first images of the test set, in their order.
        targets: The images that these were made of; None: they are the images.
    """

    direction: str
    network: Network
    source: str
    target: str
    is_drawing: bool
    inputs: NDArray[np.uint8]
    targets: NDArray[np.uint8] | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {
            "direction": self.direction,
            "network": self.network.as_json(),
            "source": self.source,
            "target": self.target,
            "is_drawing": self.is_drawing,
            "count": len(self.inputs),
            "inputs": as_text(self.inputs.tobytes()),
            "targets": None if self.targets is None else as_text(self.targets.tobytes()),
        }


@dataclass(frozen=True)
class TranslatingPage:
    """What a page of networks that make images of images shows.

    Attributes:
        name: Of the run.
        ways: One, or two that lead there and back.
        command: That translates images with the same networks.
        facts: Sentences for the end of the page.
    """

    name: str
    ways: Sequence[Way]
    command: str
    facts: Sequence[str]


def as_text(data: bytes) -> str:
    """Return bytes in base64."""
    return base64.b64encode(data).decode("ascii")
