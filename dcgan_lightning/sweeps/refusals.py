"""Checks of a sweep before its first job: its folder, the folders of its jobs, the score of a search."""

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import PurePath
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dcgan_lightning.config.nested import look_up
from dcgan_lightning.core.errors import ConfigError, DCGANError
from dcgan_lightning.core.shell import override

# What Hydra sets for each job; the callback that starts a sweep does not have it yet.
_JOB_KEYS = ("hydra.job.num", "hydra.job.id", "hydra.job.override_dirname")
_ONE_VALUE = {
    "ckpt_path": "all jobs start from the same checkpoint; start one sweep per checkpoint",
    "sweep": "run the sweeps one after the other",
}
_GRID_SWEEPER = "basic_sweeper.BasicSweeper"


def check_sweep(config: DictConfig) -> None:
    """Refuse a sweep that would scatter or mix up its jobs, or search without a score.

    Args:
        config: The sweep's own configuration, with Hydra's part.

    Raises:
        ConfigError: What is wrong, with its key and the remedy.
    """
    swept = swept_keys(config)
    for key, remedy in _ONE_VALUE.items():
        if key in swept:
            raise ConfigError(f"{key} cannot be swept: {remedy}")
    if any(text.startswith("hydra.run.dir=") for text in _raw(config, "hydra.overrides.hydra")):
        raise ConfigError("hydra.run.dir is not used in a sweep; set run_name or hydra.sweep.dir")
    _check_folder(config, swept)
    _check_subfolders(config, swept)
    _check_score(config, swept)


@contextlib.contextmanager
def refusing() -> Iterator[None]:
    """End the sweep if the block refuses it: Hydra shows a callback's errors as warnings and goes on.

    `dcgan_lightning.sweeps.end.summarized` raises the error again.
    """
    try:
        yield
    except DCGANError as error:
        raise SystemExit(1) from error


def swept_keys(config: DictConfig) -> list[str]:
    """Return the keys and groups that have several values, from the command line and from ``sweep=...``."""
    params = config.hydra.sweeper.get("params") or {}
    texts = [f"{key}={params[key]}" for key in params]
    overrides = OverridesParser.create().parse_overrides([*texts, *_raw(config, "hydra.overrides.task")])
    is_swept = {given.key_or_group: given.is_sweep_override() for given in overrides}
    return [key for key in is_swept if is_swept[key]]


def pin_folder(config: DictConfig) -> None:
    """Give all jobs the sweep's folder: each job is composed anew, and an option may set another run_name."""
    config.hydra.overrides.hydra.append(override("hydra.sweep.dir", str(config.hydra.sweep.dir)))


def _check_folder(config: DictConfig, swept: Sequence[str]) -> None:
    keys = _depends_on(config, "hydra.sweep.dir", [*swept, *_JOB_KEYS])
    if keys:
        is_swept = keys[0] == "run_name"
        what = "be swept" if is_swept else f"depend on {keys[0]}, which differs from job to job"
        raise ConfigError(
            f"run_name and hydra.sweep.dir name the folder of all jobs and cannot {what}; give one name, and "
            "name the folders in it with hydra.sweep.subdir, as in hydra.sweep.subdir='seed_${seed}'"
        )


def _check_subfolders(config: DictConfig, swept: Sequence[str]) -> None:
    """Refuse folders outside of the sweep's, and one folder for several jobs."""
    subdir = str(_raw(config, "hydra.sweep.subdir"))
    known = _value(config, "hydra.sweep.subdir", {})
    path = PurePath("" if known is None else str(known))
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ConfigError(
            f"hydra.sweep.subdir={subdir} leads out of the sweep's folder; give a name, as in seed_${{seed}}"
        )
    keys = _depends_on(config, "hydra.sweep.subdir", [*swept, *_JOB_KEYS])
    missing = [key for key in swept if key not in keys]
    if missing and not {*keys} & {*_JOB_KEYS}:
        raise ConfigError(
            f"hydra.sweep.subdir={subdir} is the same folder for jobs that differ in {missing[0]}; put "
            f"${{{missing[0]}}} or ${{hydra.job.num}} into it"
        )


def _check_score(config: DictConfig, swept: Sequence[str]) -> None:
    """Refuse a search whose jobs return nothing."""
    is_grid = str(config.hydra.sweeper._target_).endswith(_GRID_SWEEPER)
    has_scores = (config.get("callbacks") or {}).get("scores") is not None
    if not (is_grid or has_scores or any(key.startswith("callbacks") for key in swept)):
        raise ConfigError(
            "callbacks.scores is missing, and a search needs the score that it measures; add scores to the "
            "list, as in callbacks=[default,scores]"
        )


def _depends_on(config: DictConfig, node: str, keys: Sequence[str]) -> list[str]:
    """Return which of the keys a node's value changes with."""
    with contextlib.suppress(OmegaConfBaseException):
        OmegaConf.select(config, node)  # now ${now:...} has its value, for the probes too
    value = _value(config, node, {})
    return [key for key in keys if _value(config, node, {key: "another value"}) != value]


def _value(config: DictConfig, node: str, changes: dict[str, str]) -> Any:
    """Return a node's value after changes, or None if it cannot be worked out then."""
    probe = OmegaConf.create(OmegaConf.to_container(config, resolve=False))
    for key, value in {**dict.fromkeys(_JOB_KEYS, "0"), **changes}.items():
        OmegaConf.update(probe, key, value, merge=False, force_add=True)
    OmegaConf.copy_cache(config, probe)
    try:
        return OmegaConf.select(probe, node)
    except OmegaConfBaseException:
        return None


def _raw(config: DictConfig, key: str) -> Any:
    """Return a node's value with its interpolations as they are written."""
    return look_up(OmegaConf.to_container(config, resolve=False), key)
