"""Finds garments of a class among many images of an unconditional generator, with a classifier."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.core.errors import ScoreError
from dcgan_lightning.core.heartbeat import show_progress, with_progress
from dcgan_lightning.evaluation.fashion_mnist.classifier import ImageClassifier
from dcgan_lightning.evaluation.fashion_mnist.garments import (
    classify,
    clearest_of_each_class,
    first_of_class,
)
from dcgan_lightning.inference.gallery import write_atlas, write_class
from dcgan_lightning.networks import NoiseGenerator
from dcgan_lightning.networks.sampling import sample_blocks

log = logging.getLogger(__name__)

POOL = {"atlas": 5_120, "class": 51_200}  # default number of images to search


def search(
    values: Mapping[str, Any], generator: NoiseGenerator, classifier: ImageClassifier
) -> Callable[[Path], None]:
    """Return the writer of mode=atlas for an unconditional generator: garments of all classes, or of one.

    Args:
        values: Values of the configuration of ``generate``.
        generator: The generator.
        classifier: The classifier that sorts the images, in inference mode, on any device.
    """
    name, n, first = values["class"], values["n"], values["first"]
    pool = values["pool"] or POOL["class" if name else "atlas"]
    pieces = classify(sample_blocks(generator, pool, values["seed"], first), classifier, first)
    wanted = f"{n} images of {name}" if name else f"the clearest {n} images of each class"
    numbers = f"numbers {first:,} to {first + pool - 1:,} of seed {values['seed']}"

    def fill(folder: Path) -> None:
        limit = "at most " if name else ""
        log.info(
            "searching for %s among %s%s images (%s; pool=... sets the limit)",
            wanted,
            limit,
            f"{pool:,}",
            numbers,
        )
        if not name:
            groups = clearest_of_each_class(with_progress(pieces, pool, "searching"), n)
            for kind, group in zip(CLASS_NAMES, groups, strict=True):
                _tell_few(kind, len(group), n, pool)
            write_atlas(folder, groups, values["scale"], values["png"], pool)
            return
        looked = 0
        with show_progress(f"searching for {name}", pool) as work:

            def note(images: int, found: int) -> None:
                nonlocal looked
                work.note = f"{found} found"
                work.advance(images - looked)
                looked = images

            garments = first_of_class(pieces, CLASS_NAMES.index(name), n, pool, note)
        end = "" if looked == pool else f" (ended early: {n} cannot be expected among {pool:,})"
        remedy = "try a larger pool, another seed or a longer training"
        if not len(garments):
            raise ScoreError(f"class={name}: none among {looked:,} images{end}; {remedy}")
        _tell_few(name, len(garments), n, looked, f"{end}; {remedy}")
        write_class(folder, garments, values["columns"], values["scale"], values["png"])

    return fill


def _tell_few(name: str, found: int, wanted: int, looked: int, end: str = "") -> None:
    """Log that fewer images of a class were found than requested."""
    if found < wanted:
        number = f"only {found} of {wanted} found" if found else "none"
        log.info("%s: %s among %s images%s", name, number, f"{looked:,}", end)
