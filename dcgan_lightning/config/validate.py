"""Checks of all settings, individually and combined.

Nothing here imports PyTorch: a wrong setting is refused before anything slow or lasting happens.
"""

import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dcgan_lightning.config.build import CONF_DIR, plain
from dcgan_lightning.config.checks import Check
from dcgan_lightning.config.commands import COMMANDS
from dcgan_lightning.config.data import FASHION_MNIST_COUNT, batch_size_problem, limit_problem, source_problem
from dcgan_lightning.config.nested import MISSING, did_you_mean, flatten, look_up
from dcgan_lightning.config.parts import missing_package, part_problem
from dcgan_lightning.config.resolvers import multiples, study_url
from dcgan_lightning.config.systems import model_problem, model_rules
from dcgan_lightning.config.training import (
    CLOSED_GROUPS,
    NOT_OFFERED,
    REQUIRED,
    REQUIRED_GROUPS,
    TOP_LEVEL,
    TRAINING_RULES,
    target_problem,
    weights_problem,
)
from dcgan_lightning.core.devices import count_processes
from dcgan_lightning.core.errors import ConfigError, MissingExtraError, install

OmegaConf.register_new_resolver("multiples", multiples, replace=True)
OmegaConf.register_new_resolver("study_url", study_url, replace=True)


def validate(cfg: DictConfig) -> None:
    """Check every value of the main job's configuration and how they fit together.

    Raises:
        ConfigError: The first thing that is wrong, with its key and the remedy.
    """
    values = _resolve(cfg)
    flat = dict(flatten(values))
    target = flat.get("model._target_")
    rules = TRAINING_RULES | model_rules(target)
    _check_values(values, rules)
    for group in ("callbacks", "logger"):
        for name, part in (values.get(group) or {}).items():
            if part is not None and not isinstance(part, Mapping):
                raise ConfigError(f"{group}.{name} must be a group of values, or null; got {part!r}")
    _check_targets(values)
    for name in os.environ:
        if name.startswith("PL_TRAINER_"):
            raise ConfigError(f"{name} in the environment would change the trainer unseen; unset it")
    if unknown := sorted(values.keys() - TOP_LEVEL):
        raise ConfigError(f"unknown key {unknown[0]!r}{did_you_mean(unknown[0], [*TOP_LEVEL])}")
    for group in REQUIRED_GROUPS:
        _check_group(flat, group)
    for key in flat:
        _check_known(key, rules)
    _check_data_keys(values["data"])
    for key in REQUIRED:
        _check_present(values, key)
    if problem := part_problem(values):
        raise ConfigError(problem)
    if count := _known_count(values["data"]):
        check_sizes(values, count, count_processes(values["trainer"]) or 1)
    _check_combinations(values, flat)


def check_command(cfg: DictConfig, command: str) -> dict[str, Any]:
    """Check every value of another command's configuration and how they fit together.

    Args:
        cfg: The composed configuration.
        command: The name of its primary configuration, one of `COMMANDS`.

    Returns:
        The plain values.

    Raises:
        ConfigError: The first thing that is wrong, with its key and the remedy.
    """
    rules, find_problem, takes_run = COMMANDS[command]
    values = _resolve(cfg)
    flat = dict(flatten(values))
    for key in flat:
        if key not in rules and key != "data._target_":
            raise ConfigError(f"unknown key {key!r}{did_you_mean(key, [*rules])}")
    for key in rules:
        if not key.startswith("data."):
            _check_present(values, key)
    _check_values(values, rules)
    if "data.batch_size" in rules and not (takes_run and "data._target_" not in flat):
        _check_group(flat, "data")
        _check_targets(values)
        _check_data_keys(values["data"])
        _check_present(values, "data.batch_size")
        if problem := source_problem(values["data"]):
            raise ConfigError(problem)
        if count := _known_count(values["data"]):
            check_sizes(values, count)
    if problem := find_problem(values):
        raise ConfigError(problem)
    return values


def _resolve(cfg: DictConfig) -> dict[str, Any]:
    """Return plain values; one that cannot be worked out is named."""
    try:
        return plain(cfg)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key}: {str(error).partition(chr(10))[0]}") from error


def _check_values(values: Mapping[str, Any], rules: Mapping[str, Check]) -> None:
    """Check each given value individually."""
    for key, check in rules.items():
        value = look_up(values, key)
        if value is not MISSING and (wanted := check(value)):
            raise ConfigError(f"{key} must be {wanted}; got {value!r}{_quotes_needed(key, value, check)}")


def _quotes_needed(key: str, value: Any, check: Check) -> str:
    """Return the end of a message about a number, where quotes would make a text of it that is allowed."""
    if isinstance(value, str) or value is None or check(str(value)) is not None:
        return ""
    example = str(value) if isinstance(value, int) and not isinstance(value, bool) else "..."
    return f"; quotes make it a text: \"{key}='{example}'\""


def _check_present(values: Mapping[str, Any], key: str) -> None:
    if look_up(values, key) is MISSING:
        raise ConfigError(f"{key} is missing; set it with {key}=...")


def _check_group(flat: Mapping[str, Any], group: str) -> None:
    if flat.get(f"{group}._target_") is None:
        raise ConfigError(f"{group} is missing or empty; choose it as in {group}={REQUIRED_GROUPS[group]}")


def _check_known(key: str, rules: Mapping[str, Check]) -> None:
    """Refuse a key of a closed group that nothing takes."""
    if key in NOT_OFFERED:
        raise ConfigError(f"{key} is not offered: {NOT_OFFERED[key]}")
    group, _, name = key.partition(".")
    is_known = key in rules or name == "_target_"
    if group in CLOSED_GROUPS and name and not is_known:
        raise ConfigError(f"unknown key {key!r}{did_you_mean(key, [*rules])}")


def _check_targets(value: Any, key: str = "") -> None:
    """Let each group build classes of its own kind, and nothing else (see `target_problem`)."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    if not isinstance(value, Mapping):
        return
    for name, part in value.items():
        full_key = f"{key}.{name}" if key else str(name)
        if name == "_target_" and (problem := target_problem(full_key, part)):
            raise ConfigError(problem)
        _check_targets(part, full_key)


def _known_count(data: Mapping[str, Any]) -> int | None:
    """Return the number of images where it is known beforehand."""
    return data.get("count") or (FASHION_MNIST_COUNT if data.get("verify") else None)


def check_sizes(values: Mapping[str, Any], count: int, processes: int = 1) -> None:
    """Check that the batches suit the number of images and of processes, and that an epoch has iterations.

    Raises:
        ConfigError: Names the key, and values that would be good.
    """
    size = values["data"]["batch_size"]
    limit = values.get("trainer", {}).get("limit_train_batches", 1.0)
    if problem := batch_size_problem(size, count, processes) or limit_problem(count, size, limit):
        raise ConfigError(problem)


def check_packages(values: Mapping[str, Any]) -> None:
    """Check that the packages of the chosen callbacks and loggers are installed.

    Raises:
        MissingExtraError: Names the key, the package and how to install it.
    """
    if missing := missing_package(values):
        key, package, extra = missing
        raise MissingExtraError(
            f"{key} needs the package {package}, which is not installed; {install(extra)}"
        )


def _check_data_keys(data: Mapping[str, Any]) -> None:
    """Refuse settings of another data set, as an experiment may have left them."""
    options = _data_options()
    own = {key for option in options.values() if option.get("_target_") == data["_target_"] for key in option}
    for key in data if own else ():
        others = [f"data={name}" for name, option in options.items() if key in option]
        if key not in own and others:
            raise ConfigError(
                f"data.{key} belongs to {' or '.join(others)} and not to the data chosen here; leave it out, "
                f"or delete what an experiment set: ~data.{key}"
            )


@functools.cache
def _data_options() -> dict[str, dict[str, Any]]:
    """Return the settings of each option of the group data."""
    paths = sorted(Path(CONF_DIR, "data").glob("*.yaml"))
    return {path.stem: plain(cast(DictConfig, OmegaConf.load(path)), resolve=False) for path in paths}


def _check_combinations(values: Mapping[str, Any], flat: Mapping[str, Any]) -> None:
    if problem := source_problem(values["data"]) or model_problem(values["model"], values["data"]):
        raise ConfigError(problem)
    if problem := weights_problem(values):
        raise ConfigError(problem)
    if (values["model"].get("fast_paths"), flat.get("trainer.precision")) == ("bfloat16", "bf16-mixed"):
        raise ConfigError(
            "model.fast_paths=bfloat16 has no effect with trainer.precision=bf16-mixed; leave one of them out"
        )
    callbacks = values.get("callbacks") or {}
    if callbacks.get("film") and not callbacks.get("sample_grid"):
        raise ConfigError("callbacks.film needs callbacks.sample_grid; leave both out or neither")
    for name, choice in (
        ("sample_grid", "[default,averaged_generator]"),
        ("scores", "[default,averaged_generator,scores]"),
    ):
        if flat.get(f"callbacks.{name}.averaged") and not callbacks.get("averaged_generator"):
            raise ConfigError(
                f"callbacks.{name}.averaged=true needs the averaged generator: callbacks={choice}"
            )
    if flat.get("trainer.default_root_dir") != flat.get("paths.output_dir"):
        raise ConfigError("trainer.default_root_dir must be ${paths.output_dir}, the run's folder")
