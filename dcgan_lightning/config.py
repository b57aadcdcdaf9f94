"""Configuration: where conf/ is, whether its values are good, what a run that goes on must share.

Nothing here imports PyTorch: a wrong setting is refused before anything slow or lasting happens.
"""

import difflib
import inspect
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dcgan_lightning.errors import ConfigError, DCGANError, MissingExtraError, install, is_out_of_memory
from dcgan_lightning.rules import (
    ALLOWED_TARGETS,
    CLOSED_GROUPS,
    COMMANDS,
    EXTRAS,
    FASHION_MNIST_COUNT,
    MISSING,
    NOT_OFFERED,
    REQUIRED,
    REQUIRED_GROUPS,
    TOP_LEVEL,
    TRAINING_RULES,
    batch_size_problem,
    flatten,
    limit_problem,
    look_up,
    missing_package,
    part_problem,
)
from dcgan_lightning.rules.checks import Check

_PACKAGE = Path(__file__).resolve().parent
# An installed wheel carries conf/ inside the package; a checkout has it beside.
CONF_DIR = str(next(folder for folder in (_PACKAGE / "conf", _PACKAGE.parent / "conf") if folder.is_dir()))


def multiples(value: Any, factors: Sequence[float]) -> str:
    """Return the values of a sweep in Hydra's grammar: multiples of the experiment's own value.

    For ``${multiples:...}`` below ``hydra.sweeper.params``: literal values there would replace those of
    ``experiment=...``.

    Args:
        value: A number or a list of numbers; whole numbers stay whole and at least 1.
        factors: One for each value of the sweep.
    """

    def scaled(part: Any, factor: float) -> str:
        if isinstance(part, Sequence):
            return f"[{','.join(scaled(item, factor) for item in part)}]"
        return str(max(1, round(part * factor))) if isinstance(part, int) else f"{part * factor:g}"

    return ",".join(scaled(value, factor) for factor in factors)


def study_url(folder: str) -> str:
    """Return Optuna's address of ``study.db`` in a sweep's folder, whatever the folder's name holds."""
    if not set("?{}") & set(folder):  # the signs that SQLAlchemy or Optuna take for their own
        return f"sqlite:///{folder}/study.db"
    return f"sqlite:///file:{quote(folder)}/study.db?uri=true"


OmegaConf.register_new_resolver("multiples", multiples, replace=True)
OmegaConf.register_new_resolver("study_url", study_url, replace=True)


def validate(cfg: DictConfig) -> None:
    """Check every value of the main job's configuration and how they fit together.

    Raises:
        ConfigError: The first thing that is wrong, with its key and the remedy.
    """
    values = _resolve(cfg)
    flat = dict(flatten(values))
    _check_values(values, TRAINING_RULES)
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
    for key in flat:
        _check_known(key)
    for group in REQUIRED_GROUPS:
        _check_group(flat, group)
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
    rules, find_problem = COMMANDS[command]
    values = _resolve(cfg)
    flat = dict(flatten(values))
    for key in flat:
        if key not in rules and key != "data._target_":
            raise ConfigError(f"unknown key {key!r}{did_you_mean(key, [*rules])}")
    for key in rules:
        if not key.startswith("data."):
            _check_present(values, key)
    _check_values(values, rules)
    if "data.batch_size" in rules:
        _check_group(flat, "data")
        _check_targets(values)
        _check_data_keys(values["data"])
        _check_present(values, "data.batch_size")
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
    """Check each value that is there by itself."""
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


def _check_known(key: str) -> None:
    """Refuse a key of a closed group that nothing takes."""
    if key in NOT_OFFERED:
        raise ConfigError(f"{key} is not offered: {NOT_OFFERED[key]}")
    group, _, name = key.partition(".")
    is_known = key in TRAINING_RULES or name == "_target_"
    if group in CLOSED_GROUPS and name and not is_known:
        raise ConfigError(f"unknown key {key!r}{did_you_mean(key, [*TRAINING_RULES])}")


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
    paths = sorted(Path(CONF_DIR, "data").glob("*.yaml"))
    options = {path.stem: plain(cast(DictConfig, OmegaConf.load(path)), resolve=False) for path in paths}
    own = {key for option in options.values() if option.get("_target_") == data["_target_"] for key in option}
    for key in data if own else ():
        others = [f"data={name}" for name, option in options.items() if key in option]
        if key not in own and others:
            raise ConfigError(
                f"data.{key} belongs to {' or '.join(others)} and not to the data chosen here; leave it out, "
                f"or delete what an experiment set: ~data.{key}"
            )


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


# Settings that may differ between a run and its continuation.
_FREE = re.compile(r"data\.(root|cache_dir|_target_)|model\.accuracy_threshold")
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


def default_settings(cfg: DictConfig) -> dict[str, Any]:
    """Return what a checkpoint means that was made before some of today's settings existed.

    Args:
        cfg: The composed configuration; the defaults are those of its classes. Importing them takes seconds.
    """
    from hydra.utils import get_class

    defaults: dict[str, Any] = {"model._target_": "dcgan_lightning.systems.DCGAN"}
    for group in ("model", "data"):
        parameters = inspect.signature(get_class(cfg[group]._target_)).parameters
        for name, parameter in parameters.items():
            value = parameter.default
            if value is not parameter.empty:
                defaults[f"{group}.{name}"] = list(value) if isinstance(value, tuple) else value
    return defaults


def check_fingerprint(
    saved: Mapping[str, Any], current: Mapping[str, Any], path: Path, defaults: Mapping[str, Any]
) -> None:
    """Refuse to go on with settings that would silently make another run.

    Args:
        saved: The checkpoint's fingerprint.
        current: That of the run.
        path: The checkpoint.
        defaults: Settings that an older checkpoint may lack (see `default_settings`).

    Raises:
        ConfigError: Lists each setting that differs.
    """
    saved = {key: defaults[key] for key in current.keys() & defaults.keys()} | dict(saved)
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

    try:
        return instantiate(part, _convert_="all", **others)
    except InstantiationException as error:
        key, cause = part._get_full_key(None), error.__cause__ or error
        if isinstance(cause, DCGANError) or is_out_of_memory(cause):
            raise cause from None
        if isinstance(cause, ModuleNotFoundError) and key in EXTRAS:
            raise MissingExtraError(
                f"{key} needs a package that is not installed; {install(EXTRAS[key])}"
            ) from error
        raise ConfigError(_constructor_problem(key, part, " ".join(str(cause).split()))) from error


def _constructor_problem(key: str, part: DictConfig, reason: str) -> str:
    """Return in a line why a class did not take its settings; Python's words name no keys."""
    name = str(part._target_).rpartition(".")[2]
    if match := re.match(rf"{name}\.__init__\(\) got an unexpected keyword argument '(\w+)'", reason):
        from hydra.utils import get_class

        known = [f"{key}.{parameter}" for parameter in inspect.signature(get_class(part._target_)).parameters]
        wrong = f"{key}.{match[1]}"
        return f"unknown key {wrong!r}{did_you_mean(wrong, known)}"
    if match := re.match(rf"{name}\.__init__\(\) missing .* required .* arguments?: '(\w+)'", reason):
        return f"{key}.{match[1]} is missing; set it with +{key}.{match[1]}=..."
    return f"{key}: {reason}"
