"""Names of a generator's classes, and the choice among them."""

from collections.abc import Sequence
from typing import Any

from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.config.generate import class_index, class_problem
from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.inference.pretrained import TrainedGenerator


def class_names(trained: TrainedGenerator) -> tuple[str, ...]:
    """Return the names of a generator's classes: those of its data set, or numbers if it has no names."""
    classes = trained.generator.classes
    if classes == len(CLASS_NAMES) and trained.fingerprint.get("data.verify"):
        return CLASS_NAMES
    names = tuple(map(str, trained.fingerprint.get("data.class_names") or ()))
    return names[:classes] + tuple(map(str, range(len(names), classes)))


def choose_classes(wanted: str | int | Sequence[str | int] | None, trained: TrainedGenerator) -> list[int]:
    """Return the indices of the requested classes, or of all classes if none is requested.

    Args:
        wanted: A name or index, several of them, or None.
        trained: The generator.

    Raises:
        ConfigError: The generator does not have a class.
    """
    names = class_names(trained)
    if wanted is None:
        return [*range(len(names))]
    if problem := class_problem(wanted, names):
        raise ConfigError(problem)
    listed: list[Any] = wanted if isinstance(wanted, list) else [wanted]
    return [index for name in listed if (index := class_index(name, names)) is not None]
