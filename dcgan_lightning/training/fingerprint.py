"""Which settings a resumed run must keep."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from dcgan_lightning.config.build import parameters_of, plain
from dcgan_lightning.config.data import renamed
from dcgan_lightning.config.nested import flatten
from dcgan_lightning.core.errors import ConfigError

# Settings that may differ between a run and its continuation.
_FREE = re.compile(r"data\.(root|cache_dir|_target_|broken|cache_gb|memory_share)|model\.accuracy_threshold")
_FIXED = re.compile(r"seed|data\..*|model\..*|trainer\.(precision|limit_train_batches)")
# What is known of images only once they are there (see `InMemoryDataModule.fingerprint`).
_OF_IMAGES = ("data.content", "data.class_names")


def fingerprint(cfg: DictConfig, processes: int = 1) -> dict[str, Any]:
    """Return the settings that a resumed run must share.

    Args:
        cfg: The composed configuration.
        processes: How many train together.
    """
    values = dict(flatten(plain(cfg)))
    fixed = {key: values[key] for key in values if _FIXED.fullmatch(key) and not _FREE.fullmatch(key)}
    return fixed | {"processes": processes}


def default_settings(cfg: DictConfig) -> dict[str, Any]:
    """Return what a checkpoint means that was made before some of today's settings existed.

    Args:
        cfg: The composed configuration; the defaults are those of its classes. Importing them takes seconds.
    """
    from hydra.utils import get_class

    defaults: dict[str, Any] = {"model._target_": "dcgan_lightning.systems.DCGAN"}
    for group in ("model", "data"):
        for name, parameter in parameters_of(get_class(cfg[group]._target_)).items():
            value = parameter.default
            if value is not parameter.empty:
                defaults[f"{group}.{name}"] = list(value) if isinstance(value, tuple) else value
    return defaults


def check_fingerprint(
    saved: Mapping[str, Any],
    current: Mapping[str, Any],
    path: Path,
    defaults: Mapping[str, Any],
    remedy: str = "resume with the same ones, or start a new run",
) -> None:
    """Refuse to resume with settings that would silently change the run.

    Args:
        saved: The checkpoint's fingerprint.
        current: That of the run.
        path: The checkpoint.
        defaults: Settings that an older checkpoint may lack (see `default_settings`).
        remedy: End of the message.

    Raises:
        ConfigError: Lists each setting that differs.
    """
    saved = {renamed(key): value for key, value in saved.items()}
    saved = {key: defaults[key] for key in current.keys() & defaults.keys()} | dict(saved)
    saved = {key: value for key, value in saved.items() if key not in _OF_IMAGES}
    differences = [
        f"{key}={_shown(saved, key)} (now {_shown(current, key)})"
        for key in sorted(saved.keys() | current.keys())
        if saved.get(key) != current.get(key)
    ]
    if differences:
        raise ConfigError(f"{path} was made with other settings: {', '.join(differences)}; {remedy}")


def _shown(settings: Mapping[str, Any], key: str) -> str:
    return repr(settings[key]) if key in settings else "not set"


def check_same_images(saved: Mapping[str, Any], current: Mapping[str, Any], path: Path, source: str) -> None:
    """Refuse to go on with other images than the run was trained on.

    Args:
        saved: The checkpoint's fingerprint; one of an older checkpoint may tell nothing of the images.
        current: What the data module says of its images.
        path: The checkpoint.
        source: What the images are, for the message.

    Raises:
        ConfigError: They are other ones.
    """
    if any(key in saved and saved[key] != current.get(key) for key in _OF_IMAGES):
        raise ConfigError(
            f"{path} was trained on other images: {source} have changed since; "
            "go on with the former ones, or start a new run"
        )
