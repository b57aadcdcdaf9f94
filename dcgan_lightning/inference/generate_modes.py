"""The modes of ``generate``: each returns a function that writes its files into a folder."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch

from dcgan_lightning.core.heartbeat import log_pace, show_progress, with_progress
from dcgan_lightning.core.pixels import normalize
from dcgan_lightning.evaluation.fashion_mnist.architectures import GARMENT_SHAPE
from dcgan_lightning.evaluation.fashion_mnist.classifier import ImageClassifier, load_classifier
from dcgan_lightning.evaluation.fashion_mnist.garments import nearest
from dcgan_lightning.evaluation.features import reduced_pixels
from dcgan_lightning.inference import films, gallery
from dcgan_lightning.inference.pretrained import TrainedGenerator
from dcgan_lightning.inference.selection import Choice, draw_blocks
from dcgan_lightning.networks import NoiseGenerator
from dcgan_lightning.networks.sampling import generate_images, sample_labels, sample_noise
from dcgan_lightning.pictures.film import require_mp4

log = logging.getLogger(__name__)

Fill = Callable[[Path], None]  # writes its files into a folder


def from_noise(values: Mapping[str, Any], trained: TrainedGenerator, choice: Choice) -> Fill:
    """Return the writer of the modes that need only the generator: images, interpolate and walk."""
    generator, labels = trained.generator, choice.label
    n, seed, first = (values[key] for key in ("n", "seed", "first"))
    film = films.FilmSettings(values["steps"], values["scale"], values["frame_ms"], values["format"])
    if film.kind == "mp4" and values["mode"] != "images":
        require_mp4()

    def fill(folder: Path) -> None:
        if values["mode"] == "images":
            outputs = {key: values[key] for key in ("columns", "scale", "png", "npz")}
            if isinstance(labels, list) and len(labels) > 1 and not outputs["columns"]:
                outputs["columns"] = min(len(labels), 100)  # a class in each column
            blocks = log_pace(draw_blocks(trained, choice, n, seed, first))
            blocks = with_progress(blocks, n, "making images")
            gallery.write_images(folder, blocks, n, first, **outputs)
            if n > gallery.GRID_LIMIT:
                log.info("grid.png shows the first %d of %s images", gallery.GRID_LIMIT, f"{n:,}")
        elif values["mode"] == "interpolate":
            points = choice.truncation * sample_noise(generator.latent_dim, n, seed, first)
            classes = sample_labels(generator.classes, n, first, labels)
            with show_progress("making the film"):
                films.write_interpolation(folder, generator, points, classes, film, first)
        else:
            points = choice.truncation * sample_noise(generator.latent_dim, values["tours"] * n, seed, first)
            tours = points.unflatten(0, (-1, n))
            classes = sample_labels(generator.classes, len(tours), 0, labels)
            with show_progress("making the film"):
                films.write_walk(folder, generator, tours, classes, film)

    return fill


def of_each_class(
    values: Mapping[str, Any], generator: NoiseGenerator, labels: list[int], names: Sequence[str]
) -> Fill:
    """Return the writer of mode=atlas for a conditional generator: the same noise for each class."""

    def fill(folder: Path) -> None:
        noise = sample_noise(generator.latent_dim, values["n"], values["seed"], values["first"])
        noise *= values["truncation"]
        rows = [generate_images(generator, noise, torch.full((len(noise),), label)) for label in labels]
        chosen = [names[label] for label in labels]
        gallery.write_classes(
            folder, torch.stack(rows), chosen, values["first"], values["scale"], values["png"]
        )

    return fill


class Likeness(NamedTuple):
    """A measure of the similarity of images.

    Attributes:
        name: What is compared, for messages.
        features: Maps uint8 (N, C, H, W) to (N, D); similar images have a small distance.
    """

    name: str
    features: Callable[[torch.Tensor], torch.Tensor]


def find_likeness(shape: Sequence[int], device: str, classifier: ImageClassifier | None) -> Likeness:
    """Return the measure for images of a shape (C, H, W): classifier features for garments, else pixels."""
    if tuple(shape) == GARMENT_SHAPE:
        network = classifier_on(device, classifier)
        return Likeness("the classifier's features", lambda images: network.features(normalize(images)))
    return Likeness("their pixels", reduced_pixels)


def beside_neighbours(
    values: Mapping[str, Any],
    trained: TrainedGenerator,
    choice: Choice,
    likeness: Likeness,
    train: torch.Tensor,
) -> Fill:
    """Return the writer of mode=neighbours: images beside their nearest training images (uint8)."""

    def features(images: torch.Tensor) -> torch.Tensor:
        size = likeness.features(images[:1].to(values["device"])).shape[1]
        found = torch.empty(len(images), size)  # allocated once: many small pieces would fragment 1.4 GB
        done = 0
        for part in with_progress(images.split(256), len(images), f"looking at {len(images):,} images"):
            found[done : done + len(part)] = likeness.features(part.to(values["device"]))
            done += len(part)
        return found

    def fill(folder: Path) -> None:
        made = draw_blocks(trained, choice, values["n"], values["seed"], values["first"])
        images = torch.cat(list(made))
        with torch.no_grad(), show_progress("looking for the nearest training images"):
            distances, indices = nearest(features(images), features(train), values["k"])
        numbers = range(values["first"], values["first"] + values["n"])
        gallery.write_neighbours(
            folder, images, numbers, train, indices, distances, values["scale"], likeness.name
        )

    return fill


def classifier_on(device: str, classifier: ImageClassifier | None) -> ImageClassifier:
    """Move a classifier to a device; the shipped one if none is given."""
    return (classifier or load_classifier()).to(device)
