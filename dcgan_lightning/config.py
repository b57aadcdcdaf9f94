"""Configuration: where conf/ is, whether its values are good, what a run that goes on must share.

Nothing here imports PyTorch: a wrong setting is refused before anything slow or lasting happens.
"""

import difflib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dcgan_lightning.errors import ConfigError, MissingExtraError
from dcgan_lightning.rules import (
    ALLOWED_TARGETS,
    CLOSED_GROUPS,
    EXTRAS,
    FASHION_MNIST_COUNT,
    FREE_KEYS,
    GENERATE_RULES,
    NOT_OFFERED,
    REQUIRED,
    REQUIRED_GROUPS,
    RULES,
    TOP_LEVEL,
    Check,
    batch_size_problem,
    generate_problem,
)
from dcgan_lightning.rules import flatten as flatten

_PACKAGE = Path(__file__).resolve().parent
# An installed wheel carries conf/ inside the package; a checkout has it beside.
CONF_DIR = str(next(folder for folder in (_PACKAGE / "conf", _PACKAGE.parent / "conf") if folder.is_dir()))


def validate(cfg: DictConfig) -> None:
    """Check every value of the main job's configuration and how they fit together.

    Raises:
        ConfigError: The first thing that is wrong, with its key and the remedy.
    """
    values = check_values(cfg)
    for name in os.environ:
        if name.startswith("PL_TRAINER_"):
            raise ConfigError(f"{name} in the environment would change the trainer unseen; unset it")
    if unknown := sorted(values.keys() - TOP_LEVEL):
        raise ConfigError(f"unknown key {unknown[0]!r}{did_you_mean(unknown[0], [*TOP_LEVEL])}")
    flat = dict(flatten(values))
    for key in flat:
        _check_known(key)
    for group, option in REQUIRED_GROUPS.items():
        if flat.get(f"{group}._target_") is None:
            raise ConfigError(f"{group} is missing or empty; choose it as in {group}={option}")
    for key in REQUIRED:
        if flat.get(key) is None:
            raise ConfigError(f"{key} is missing; set it with {key}=...")
    _check_combinations(values, flat)


def _check_known(key: str) -> None:
    """Refuse a key of a closed group that nothing takes."""
    if key in NOT_OFFERED:
        raise ConfigError(f"{key} is not offered: {NOT_OFFERED[key]}")
    group, _, name = key.partition(".")
    is_known = key in RULES or key in FREE_KEYS or name == "_target_"
    if group in CLOSED_GROUPS and name and not is_known:
        raise ConfigError(f"unknown key {key!r}{did_you_mean(key, [*RULES])}")


def validate_generate(cfg: DictConfig) -> dict[str, Any]:
    """Check every value for ``generate`` and how they fit together; return the plain values.

    Raises:
        ConfigError: The first thing that is wrong, with its key and the remedy.
    """
    values = check_values(cfg, GENERATE_RULES)
    if problem := generate_problem(values):
        raise ConfigError(problem)
    return values


def check_values(cfg: DictConfig, rules: Mapping[str, Check] | None = None) -> dict[str, Any]:
    """Check each value by itself, and the batch size against the data; return the plain values.

    Args:
        cfg: The composed configuration of any command.
        rules: All keys of the command; every one must be there, and no other. Left out: the main job's rules
            for the keys that are there.

    Raises:
        ConfigError: The first thing that is wrong, with its key and the remedy.
    """
    values = _resolve(cfg)
    flat = dict(flatten(values))
    if rules is not None:
        _check_keys(values, flat, rules)
    for key, check in (RULES if rules is None else rules).items():
        value = _look_up(values, key)
        if value is not _MISSING and (wanted := check(value)):
            raise ConfigError(f"{key} must be {wanted}; got {value!r}")
    for group in ("callbacks", "logger"):
        for name, part in (values.get(group) or {}).items():
            if part is not None and not isinstance(part, Mapping):
                raise ConfigError(f"{group}.{name} must be a group of values, or null; got {part!r}")
    _check_targets(values)
    if "data.batch_size" not in flat:
        raise ConfigError("data is missing; choose it with data=fashion_mnist or data=synthetic")
    _check_batches(values["data"], count_processes(values.get("trainer") or {}) or 1)
    return values


def _check_keys(values: Mapping[str, Any], flat: Mapping[str, Any], rules: Mapping[str, Check]) -> None:
    """Demand the top-level keys of a command other than the main job, and no key that nothing takes."""
    for key in flat:
        if key not in rules and not key.endswith("._target_"):
            raise ConfigError(f"unknown key {key!r}{did_you_mean(key, [*rules])}")
    for key in rules:
        if key.partition(".")[0] not in values:
            raise ConfigError(f"{key} is missing; set it with {key}=...")


def _resolve(cfg: DictConfig) -> dict[str, Any]:
    """Return plain values; one that cannot be worked out is named."""
    try:
        return plain(cfg)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key}: {str(error).partition(chr(10))[0]}") from error


def check_flat(cfg: DictConfig, rules: Mapping[str, Check]) -> dict[str, Any]:
    """Check the configuration of a command whose keys all stand at the top; return the plain values.

    Args:
        cfg: The composed configuration.
        rules: A check for each of the command's keys.

    Raises:
        ConfigError: The first thing that is wrong, with its key and the remedy.
    """
    values = _resolve(cfg)
    if unknown := sorted(values.keys() - rules.keys()):
        raise ConfigError(f"unknown key {unknown[0]!r}{did_you_mean(unknown[0], [*rules])}")
    for key, check in rules.items():
        if wanted := check(values.get(key)):
            raise ConfigError(f"{key} must be {wanted}; got {values.get(key)!r}")
    return values


def validate_report(cfg: DictConfig) -> Path:
    """Check the configuration of ``report``; return the run's folder.

    Raises:
        ConfigError: The first thing that is wrong, with its key and the remedy.
    """
    if unknown := sorted(str(key) for key in cfg if key != "run"):
        raise ConfigError(f"unknown key {unknown[0]!r}{did_you_mean(unknown[0], ['run'])}")
    if cfg.run is None:
        raise ConfigError("run is missing; give the folder of a run, as run=outputs/<run_name>")
    if not isinstance(cfg.run, str) or not cfg.run.strip():
        raise ConfigError(f"run must be a folder, as outputs/<run_name>; got {cfg.run!r}")
    return Path(cfg.run)


_MISSING = object()


def _look_up(values: Any, key: str) -> Any:
    """Return what stands at "a.b.c" of nested mappings, or _MISSING."""
    for name in key.split("."):
        if not isinstance(values, Mapping) or name not in values:
            return _MISSING
        values = values[name]
    return values


def count_processes(trainer: Mapping[str, Any]) -> int | None:
    """Return how many processes train together, one for each device; None for devices=auto."""
    devices = trainer.get("devices", 1)
    if devices == "auto":
        return None
    return (len(devices) if isinstance(devices, list) else devices) * trainer.get("num_nodes", 1)


def did_you_mean(key: str, known: Sequence[str]) -> str:
    """Return the end of a message about an unknown key: the one that may have been meant."""
    last = {name: name.rpartition(".")[2] for name in known}
    close = difflib.get_close_matches(key.rpartition(".")[2], set(last.values()), n=1, cutoff=0.6)
    candidates = difflib.get_close_matches(
        key, [name for name in known if last[name] in close], n=1, cutoff=0
    )
    return f"; did you mean {candidates[0]!r}?" if candidates else "; --help lists all keys"


def plain(cfg: DictConfig, resolve: bool = True) -> dict[str, Any]:
    """Return a configuration as plain dicts, lists and values."""
    return cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=resolve))


def _check_targets(value: Any, key: str = "") -> None:
    """Let the configuration build classes of this project and of Lightning, and nothing else."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, Mapping):
        return
    for name, part in value.items():
        full_key = f"{key}.{name}" if key else str(name)
        if name == "_target_" and not ALLOWED_TARGETS.fullmatch(str(part)):
            raise ConfigError(
                f"{full_key}: {part!r} may not be built, only the public classes of dcgan_lightning and of "
                "pytorch_lightning's loggers and callbacks"
            )
        _check_targets(part, full_key)


def _check_batches(data: Mapping[str, Any], processes: int) -> None:
    """Check the batch size where the number of images is known beforehand."""
    count = data.get("count") or (FASHION_MNIST_COUNT if data.get("verify") else None)
    if count and (problem := batch_size_problem(data["batch_size"], count, processes)):
        raise ConfigError(problem)


def _check_combinations(values: Mapping[str, Any], flat: Mapping[str, Any]) -> None:
    if flat.get("data.verify") is False and not flat.get("data.root"):
        raise ConfigError("data.verify=false needs data.root: the folder with the four IDX files")
    image_channels = flat.get("data.image_channels", 1)
    if image_channels != flat.get("model.image_channels"):
        raise ConfigError(
            f"model.image_channels must be {image_channels}, the number of the data's channels; "
            f"got {flat.get('model.image_channels')}"
        )
    callbacks = values.get("callbacks") or {}
    if callbacks.get("film") and not callbacks.get("sample_grid"):
        raise ConfigError("callbacks.film needs callbacks.sample_grid; leave both out or neither")
    if flat.get("callbacks.sample_grid.averaged") and not callbacks.get("averaged_generator"):
        raise ConfigError(
            "callbacks.sample_grid.averaged=true needs the averaged generator: "
            "callbacks=[default,averaged_generator]"
        )
    if flat.get("trainer.default_root_dir") != flat.get("paths.output_dir"):
        raise ConfigError("trainer.default_root_dir must be ${paths.output_dir}, the run's folder")


# Settings that may differ between a run and its continuation.
_FREE = re.compile(r"data\.(root|cache_dir|_target_)|model\.(accuracy_threshold|_target_)")
_FIXED = re.compile(r"seed|data\..*|model\..*|trainer\.(precision|limit_train_batches)")


def fingerprint(cfg: DictConfig, processes: int = 1) -> dict[str, Any]:
    """Return the settings that make a run what it is: one that goes on must share them.

    Args:
        cfg: The composed configuration.
        processes: How many train together.
    """
    values = dict(flatten(plain(cfg)))
    fixed = {key: values[key] for key in values if _FIXED.fullmatch(key) and not _FREE.fullmatch(key)}
    return fixed | {"processes": processes}


def check_fingerprint(saved: Mapping[str, Any], current: Mapping[str, Any], path: Path) -> None:
    """Refuse to go on with settings that would silently make another run.

    Raises:
        ConfigError: Lists each setting that differs.
    """
    differences = [
        f"{key}={saved.get(key)!r} (now {current.get(key)!r})"
        for key in sorted(saved.keys() | current.keys())
        if saved.get(key) != current.get(key)
    ]
    if differences:
        raise ConfigError(
            f"{path} was made with other settings: {', '.join(differences)}; "
            "give the same ones to go on, or start a new run"
        )


def build(part: DictConfig, **others: Any) -> Any:
    """Return the object that a part of the configuration describes.

    Raises:
        ConfigError: Its class does not take the values.
        MissingExtraError: It needs a package that is not installed.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    try:
        return instantiate(part, _convert_="all", **others)
    except InstantiationException as error:
        key = part._get_full_key(None)
        if isinstance(error.__cause__, (TypeError, ValueError, MisconfigurationException)):
            reason = " ".join(str(error.__cause__).split())
            raise ConfigError(f"{key}: {reason}; --help lists all keys") from error
        if isinstance(error.__cause__, ModuleNotFoundError) and key in EXTRAS:
            raise MissingExtraError(
                f'{key} needs a package that is not installed; pip install "dcgan-lightning[{EXTRAS[key]}]"'
            ) from error
        raise
