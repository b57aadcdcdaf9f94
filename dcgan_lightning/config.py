"""Configuration: where conf/ is, which values are allowed, and what to say when they are not.

Nothing here imports PyTorch: a wrong setting is refused before anything slow or lasting happens.
"""

import difflib
import math
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from numbers import Real
from pathlib import Path
from typing import Any, NoReturn, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dcgan_lightning.errors import ConfigError, DCGANError

_PACKAGE = Path(__file__).resolve().parent
# An installed wheel carries conf/ inside the package; a checkout has it beside.
CONF_DIR = str(next(folder for folder in (_PACKAGE / "conf", _PACKAGE.parent / "conf") if folder.is_dir()))

ALLOWED_TARGETS = (
    "dcgan_lightning.data.",
    "dcgan_lightning.systems.",
    "dcgan_lightning.callbacks.",
    "pytorch_lightning.Trainer",
    "pytorch_lightning.loggers.",
    "pytorch_lightning.callbacks.",
)
FASHION_MNIST_COUNT = 60_000

# Asked once at the start, because run_command sets the variable for Hydra.
SHOW_TRACEBACKS = os.environ.get("HYDRA_FULL_ERROR") == "1"

Check = Callable[[Any], str | None]  # returns what the value must be, or None if it is


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def whole(minimum: int, maximum: int | None = None) -> Check:
    """Return a check for whole numbers within bounds."""
    bounds = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"

    def check(value: Any) -> str | None:
        good = isinstance(value, int) and not isinstance(value, bool) and value >= minimum
        return None if good and (maximum is None or value <= maximum) else f"a whole number {bounds}"

    return check


def number(text: str, is_good: Callable[[float], bool]) -> Check:
    """Return a check for finite numbers; ``text`` says which ones, as in "a number above 0"."""
    return lambda value: None if _is_number(value) and is_good(value) else text


def one_of(*choices: Any) -> Check:
    """Return a check for a closed list of values."""
    listed = ", ".join("null" if choice is None else str(choice) for choice in choices)
    return lambda value: None if value in choices else f"one of {listed}"


def optional(check: Check) -> Check:
    """Return a check that also allows null."""

    def relaxed(value: Any) -> str | None:
        wanted = None if value is None else check(value)
        return wanted and f"{wanted}, or null"

    return relaxed


def list_of(check: Check, length: int) -> Check:
    """Return a check for lists of a fixed length."""

    def checked(value: Any) -> str | None:
        wanted = (
            next((wanted for item in value if (wanted := check(item))), None)
            if isinstance(value, list)
            else ""
        )
        if wanted is None and len(value) == length:
            return None
        return f"a list of {length}, each {wanted or check(None)}"

    return checked


def _share_or_count(value: Any) -> str | None:
    good = whole(1)(value) is None or (isinstance(value, float) and 0 < value <= 1)
    return None if good else "a whole number of at least 1 or a share above 0.0 and up to 1.0"


def _one_device(value: Any) -> str | None:
    good = value == 1 or (isinstance(value, list) and len(value) == 1 and whole(0)(value[0]) is None)
    return None if good else "1, or a list with one device number as [0] (one job trains on one device)"


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value.strip() else "a text"


def _file_name(value: Any) -> str | None:
    good = isinstance(value, str) and re.fullmatch(r"[\w-][\w. -]*\.gif", value)
    return None if good else "a file name without folders that ends in .gif"


_flag = one_of(True, False)
_positive = number("a number above 0", lambda value: value > 0)
_not_negative = number("a number of at least 0", lambda value: value >= 0)
_below_one = number("a number from 0 up to, but not including, 1", lambda value: 0 <= value < 1)

RULES: dict[str, Check] = {
    "seed": whole(0, 2**32 - 1),
    "run_name": _text,
    "ckpt_path": optional(_text),
    "threads": optional(whole(1)),
    "data.batch_size": whole(2),
    "data.count": whole(2),
    "data.image_channels": whole(1),
    "data.root": optional(_text),
    "data.cache_dir": optional(_text),
    "data.verify": _flag,
    "model.latent_dim": whole(1),
    "model.generator_channels": list_of(whole(1), 3),
    "model.discriminator_channels": list_of(whole(1), 2),
    "model.image_channels": whole(1),
    "model.negative_slope": _not_negative,
    "model.dropout": _below_one,
    "model.initialization": one_of("glorot_uniform", "normal"),
    "model.generator_lr": _positive,
    "model.discriminator_lr": _positive,
    "model.betas": list_of(_below_one, 2),
    "model.adam_eps": _positive,
    "model.accuracy_threshold": number("a number", lambda value: True),
    "model.batch_size": whole(2),
    "trainer.accelerator": one_of("auto", "cpu", "gpu", "cuda"),
    "trainer.devices": _one_device,
    "trainer.precision": one_of("32-true", "bf16-mixed", "16-mixed", "64-true", 32, 64, "32", "64"),
    "trainer.max_epochs": whole(1),
    "trainer.limit_train_batches": _share_or_count,
    "trainer.log_every_n_steps": whole(1),
    "trainer.profiler": one_of(None, "simple", "advanced"),
    "callbacks.sample_grid.every_n_iterations": whole(1),
    "callbacks.sample_grid.rows": whole(1),
    "callbacks.sample_grid.columns": whole(1),
    "callbacks.sample_grid.scale": whole(1, 64),
    "callbacks.history.plot_every_n_epochs": whole(0),
    "callbacks.checkpoint.every_n_epochs": whole(1),
    "callbacks.checkpoint.every_n_iterations": optional(whole(1)),
    "callbacks.film.file_name": _file_name,
    "callbacks.film.frame_ms": whole(10),
    "callbacks.progress.refresh_seconds": _not_negative,
}
TOP_LEVEL = {
    "seed",
    "run_name",
    "ckpt_path",
    "threads",
    "paths",
    "data",
    "model",
    "trainer",
    "callbacks",
    "logger",
}
REQUIRED = ("seed", "run_name", "data.batch_size", "trainer.max_epochs", "model.batch_size")


def validate(cfg: DictConfig) -> None:
    """Check every value of the main job's configuration and how they fit together.

    Raises:
        ConfigError: The first thing that is wrong, with its key and the remedy.
    """
    values = check_values(cfg)
    if unknown := sorted(values.keys() - TOP_LEVEL):
        raise ConfigError(f"unknown key {unknown[0]!r}; --help lists all keys")
    flat = dict(flatten(values))
    for key in REQUIRED:
        if flat.get(key) is None:
            raise ConfigError(f"{key} is missing; set it with {key}=...")
    _check_combinations(values, flat)


def check_values(cfg: DictConfig) -> dict[str, Any]:
    """Check each value by itself, and the batch size against the data; return the plain values.

    Raises:
        ConfigError: The first thing that is wrong, with its key and the remedy.
    """
    try:
        values = plain(cfg)
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key}: {str(error).partition(chr(10))[0]}") from error
    flat = dict(flatten(values))
    for key, check in RULES.items():
        if key in flat and (wanted := check(flat[key])):
            raise ConfigError(f"{key} must be {wanted}; got {flat[key]!r}")
    _check_targets(flat)
    _check_batches(values["data"])
    return values


def plain(cfg: DictConfig, resolve: bool = True) -> dict[str, Any]:
    """Return a configuration as plain dicts, lists and values."""
    return cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=resolve))


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield ("a.b.c", value) for all values of nested mappings; lists are values."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _check_targets(flat: Mapping[str, Any]) -> None:
    """Let the configuration build classes of this project and of Lightning, and nothing else."""
    for key, value in flat.items():
        is_target = key.rpartition(".")[2] == "_target_"
        if is_target and not (isinstance(value, str) and value.startswith(ALLOWED_TARGETS)):
            raise ConfigError(f"{key}: {value!r} may not be built; allowed are {', '.join(ALLOWED_TARGETS)}")


def _check_batches(data: Mapping[str, Any]) -> None:
    """Check the batch size where the number of images is known beforehand."""
    batch_size = data["batch_size"]
    count = data.get("count") or (FASHION_MNIST_COUNT if data.get("verify") else None)
    if count is None:
        return
    if batch_size > count:
        raise ConfigError(f"data.batch_size must be at most {count}, the number of images; got {batch_size}")
    if count % batch_size == 1:
        raise ConfigError(
            f"data.batch_size={batch_size} leaves a last batch of 1 image out of {count}; "
            f"use {batch_size - 1} or {batch_size + 1}"
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
    if flat.get("trainer.max_steps", -1) != -1:
        raise ConfigError(
            "trainer.max_steps counts optimizer steps, two an iteration; use trainer.max_epochs and "
            "trainer.limit_train_batches"
        )
    if flat.get("trainer.accelerator") == "cpu" and flat.get("trainer.precision") == "16-mixed":
        raise ConfigError("trainer.precision=16-mixed needs a GPU; on a CPU use bf16-mixed or 32-true")


# Settings that may differ between a run and its continuation.
_FREE = re.compile(r"data\.(root|cache_dir|_target_)|model\.(accuracy_threshold|_target_)")
_FIXED = re.compile(r"seed|data\..*|model\..*|trainer\.(precision|limit_train_batches)")


def fingerprint(cfg: DictConfig) -> dict[str, Any]:
    """Return the settings that make a run what it is: one that goes on must share them."""
    values = dict(flatten(plain(cfg)))
    return {key: values[key] for key in values if _FIXED.fullmatch(key) and not _FREE.fullmatch(key)}


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
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate
    from lightning_fabric.utilities.exceptions import MisconfigurationException

    try:
        return instantiate(part, _convert_="all", **others)
    except InstantiationException as error:
        if isinstance(error.__cause__, (TypeError, ValueError, MisconfigurationException)):
            key = part._get_full_key(None)
            reason = " ".join(str(error.__cause__).split())
            raise ConfigError(f"{key}: {reason}; --help lists all keys") from error
        raise


def one_line(error: Exception, config_name: str = "train") -> str:
    """Return what is wrong and what to do about it, in one line.

    Args:
        error: One of the project's, Hydra's, OmegaConf's or the operating system's.
        config_name: The primary configuration, to suggest keys from.
    """
    if isinstance(error, DCGANError):
        return str(error)  # of one line, but for the list of data sources that were tried
    text = " ".join(str(error).split())
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException):
        text += " " + " ".join(str(cause).split())
    if match := re.search(r"Could not override '([^']+)'", text):
        return f"unknown key {match[1]!r}{_suggestion(match[1], config_name)}"
    if match := re.search(
        r"Could not find '([^']+)' Available options in '([^']*)': (.*?) Config search path", text
    ):
        return f"unknown option {match[1]!r}; {match[2]} can be {', '.join(match[3].split())}"
    return text.partition(" Set the environment variable")[0]


def _suggestion(key: str, config_name: str) -> str:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        known = [name for name, _ in flatten(plain(compose(config_name), resolve=False))]
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    close += [name for name in known if name.rpartition(".")[2] == key.rpartition(".")[2]]
    return f"; did you mean {close[0]!r}?" if close else "; --help lists all keys"


def run_command(command: Callable[[], Any], config_name: str = "train") -> NoReturn:
    """Run a Hydra command and end the process: a user's mistake is one line on stderr and exit code 1.

    ``HYDRA_FULL_ERROR=1`` in the environment shows the traceback instead.
    """
    from hydra.errors import HydraException

    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then leaves its errors to us
    try:
        command()
    except KeyboardInterrupt:
        print("stopped by Ctrl-C", file=sys.stderr)
        sys.exit(130)
    except (DCGANError, HydraException, OmegaConfBaseException, OSError) as error:
        refuse(error, config_name)
    sys.exit(0)


def refuse(error: Exception, config_name: str = "train") -> NoReturn:
    """Print what is wrong in one line and end the process with exit code 1."""
    if SHOW_TRACEBACKS:
        raise error
    print(f"error: {one_line(error, config_name)}", file=sys.stderr)
    sys.exit(1)
