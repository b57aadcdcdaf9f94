"""From what the page is about to the page: its template, style and scripts, and its data as JSON."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dcgan_lightning.config.data import class_title

_HERE = Path(__file__).parent
# In the order in which they use each other.
_SCRIPTS = ("layers", "network", "noise", "picture", "generator", "map", "walk", "mix", "quiz", "main")


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
        return {**self.layers, "weights": _text(self.weights)}


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


def render_play_page(page: PlayPage) -> str:
    """Return the page: no part of it is fetched from anywhere, and every text in it is escaped."""
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    titles = [class_title(name) for name in page.classes]
    data = {
        "network": page.network.as_json(),
        "latent_dim": page.latent_dim,
        "classes": [{"key": key, "title": title} for key, title in zip(page.classes, titles, strict=True)],
        "directions": [*page.directions],
        "stream": page.stream,
        "seed": page.seed,
        "count": page.count,
        "command": page.command,
        "file_name": "".join(letter if letter.isalnum() else "_" for letter in page.name)[:80],
        "quiz": page.quiz and _quiz_data(page.quiz),
    }
    return environment.get_template("page.html").render(
        title=f"{page.name} - play",
        heading=page.name,
        classes=titles,
        tools=["change", "map", "walk", "mix", *(["quiz"] if page.quiz else [])],
        facts=page.facts,
        data=data,
        style=(_HERE / "page.css").read_text(encoding="utf-8").strip(),
        script="\n".join((_HERE / f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS).strip(),
    )


def _quiz_data(quiz: Quiz) -> dict[str, Any]:
    return {
        "images": _text(quiz.images),
        "count": len(quiz.numbers),
        "numbers": [*quiz.numbers],
        "labels": [*quiz.labels],
    }


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
