"""Classifiers of any labelled data set, trained with ``train_classifier`` and kept in the data cache."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor

from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.core.errors import RunFolderError, WeightsError
from dcgan_lightning.core.files import write_together
from dcgan_lightning.core.shell import command, override
from dcgan_lightning.core.temporaries import remove_leftovers
from dcgan_lightning.data.cache_folder import default_cache_dir, unwritable
from dcgan_lightning.evaluation.fashion_mnist.architectures import Architecture
from dcgan_lightning.evaluation.fashion_mnist.classifier import (
    ImageClassifier,
    describe_weights,
    load_classifier,
)

if TYPE_CHECKING:  # importing Lightning takes seconds
    from dcgan_lightning.data import InMemoryDataModule

# Attributes of `OwnClassifiers`, and the architecture of each.
KINDS: tuple[tuple[str, str, Architecture], ...] = (
    ("classifier", "digest", "convolutional"),
    ("held_out", "held_out_digest", "residual"),
)
_FOLDER = "classifiers"  # in the data cache


def how_to_train(run: str | None = None, *settings: str) -> str:
    """Return how to train a classifier of a run's images, for messages.

    Args:
        run: The run's folder, or a checkpoint in it; None: it is unknown.
        settings: Further ones, as ``seed=1``.
    """
    run = "outputs/..." if run is None else os.path.relpath(run) if Path.cwd() in Path(run).parents else run
    return f"train one with {command('train_classifier', [override('ckpt_path', run), *settings])}"


@dataclass(frozen=True, eq=False)
class OwnClassifiers:
    """The classifiers of a data set, as far as they were trained.

    Attributes:
        class_names: Names of the classes, by label.
        classifier: For the features.
        digest: SHA-256 of its weights.
        held_out: For class_accuracy only.
        held_out_digest: SHA-256 of its weights.
    """

    class_names: tuple[str, ...]
    classifier: ImageClassifier | None = None
    digest: str = "none"
    held_out: ImageClassifier | None = None
    held_out_digest: str = "none"


def class_names_of(datamodule: "InMemoryDataModule", labels: Tensor) -> tuple[str, ...]:
    """Return the names of a data set's classes, by label; numbers if it has no names.

    Args:
        datamodule: The data set.
        labels: Its classes, int64 (N,).
    """
    names = tuple(map(str, datamodule.fingerprint.get("data.class_names") or ()))
    count = int(labels.max()) + 1
    if not names and count <= len(CLASS_NAMES):
        return CLASS_NAMES
    return names + tuple(map(str, range(len(names), count)))


def find_own(datamodule: "InMemoryDataModule") -> OwnClassifiers | None:
    """Return the classifiers that were trained on a data set, or None if it has no content of its own.

    Args:
        datamodule: The data set, prepared.

    Raises:
        DataError: The training images are unavailable.
        WeightsError: A classifier in the cache is damaged.
    """
    if "data.content" not in datamodule.fingerprint or (labels := datamodule.load_labels("train")) is None:
        return None
    found: dict[str, Any] = {"class_names": class_names_of(datamodule, labels)}
    images = datamodule.load_images("train")
    remove_leftovers(place_of(datamodule, images, labels, "convolutional").parent)
    for name, digest, architecture in KINDS:
        path = place_of(datamodule, images, labels, architecture)
        if path.exists():
            try:
                found |= {name: load_classifier(path), digest: str(describe_weights(path)["sha256"])}
            except WeightsError as error:
                raise WeightsError(
                    f"the classifier {path} in the data cache is damaged; remove it, or {how_to_train()}"
                ) from error
    return OwnClassifiers(**found)


def place_of(
    datamodule: "InMemoryDataModule", images: Tensor, labels: Tensor, architecture: Architecture
) -> Path:
    """Return the file of weights of a data set's classifier; its name follows from the training images.

    Args:
        datamodule: The data set.
        images: Its training images, uint8 (N, C, H, W).
        labels: Their classes, int64 (N,).
        architecture: Architecture of the classifier.
    """
    digest = hashlib.sha256(images.contiguous().numpy().data)
    digest.update(labels.contiguous().numpy().data)
    channels, height, width = images.shape[1:]
    chosen = getattr(datamodule, "cache_dir", None)
    cache = Path(chosen).expanduser() if chosen else default_cache_dir()
    name = f"{width}x{height}x{channels}_{digest.hexdigest()[:16]}_{architecture}.safetensors"
    return cache / _FOLDER / name


def keep(path: Path, weights: bytes, description: Mapping[str, Any]) -> None:
    """Put a classifier into the data cache.

    Args:
        path: From `place_of`.
        weights: Content of the file.
        description: With ``sha256``, ``settings``, ``shape`` and ``classes``.

    Raises:
        DataError: The cache cannot be written.
    """
    text = f"{json.dumps(description, indent=2)}\n".encode()
    try:
        write_together(path.parent, {path.name: weights, path.with_suffix(".json").name: text})
    except (OSError, RunFolderError) as error:
        raise unwritable(path.parent.parent, error) from error
