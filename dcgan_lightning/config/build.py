"""From conf/ to plain values, and from values to objects."""

import inspect
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dcgan_lightning.config.nested import did_you_mean
from dcgan_lightning.config.training import EXTRAS
from dcgan_lightning.core.errors import ConfigError, DCGANError, MissingExtraError, install, is_out_of_memory

_PACKAGE = Path(__file__).resolve().parents[1]


# An installed wheel carries conf/ inside the package; a checkout has it beside.
CONF_DIR = str(next(folder for folder in (_PACKAGE / "conf", _PACKAGE.parent / "conf") if folder.is_dir()))


def plain(cfg: DictConfig, resolve: bool = True) -> dict[str, Any]:
    """Return a configuration as plain dicts, lists and values."""
    return cast(dict[str, Any], OmegaConf.to_container(cfg, resolve=resolve))


def with_data(cfg: DictConfig, find_own: Callable[[Any], Mapping[str, Any] | None]) -> DictConfig:
    """Return the configuration of a command that takes a run, with images where its group data names none.

    Settings that are given alone win, as ``data.root=FOLDER`` for images that have been moved.
    ``data.seed=null`` stands for the run's seed, or 0.

    Args:
        cfg: Its own images are kept if an option of the group data is chosen.
        find_own: Returns the group data of the run that ``ckpt_path`` names, or None: Fashion-MNIST then.
    """
    values = plain(cfg, resolve=False)
    typed = values.get("data") or {}
    given = {key: value for key, value in typed.items() if key != "seed" or value is not None}
    base: Mapping[str, Any] = {}
    if given.get("_target_") is None:
        base = find_own(_get(cfg, "ckpt_path")) or _usual_data()
    values["data"] = {**base, **given}
    if "seed" in typed:
        values["data"].setdefault("seed", 0)
    return OmegaConf.create(values)


def _get(cfg: DictConfig, key: str) -> Any:
    """Return a value, or None if it refers to something that is not there, which `check_command` refuses."""
    try:
        return cfg[key]
    except OmegaConfBaseException:
        return None


def _usual_data() -> dict[str, Any]:
    """Return the settings of Fashion-MNIST, whose images are the same for any seed."""
    usual = cast(DictConfig, OmegaConf.load(Path(CONF_DIR, "data", "fashion_mnist.yaml")))
    return {**plain(usual, resolve=False), "seed": 0}


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


def parameters_of(made: type) -> dict[str, inspect.Parameter]:
    """Return the parameters that an object of a class can be made with, by name.

    A class that takes any keywords passes them on to its base class, whose parameters with a default are then
    added; it gives those without a default itself.
    """
    found: dict[str, inspect.Parameter] = {}
    for base in made.__mro__:
        parameters = [*inspect.signature(base).parameters.values()]
        named = [parameter for parameter in parameters if parameter.kind is not parameter.VAR_KEYWORD]
        for parameter in named:
            if base is made or parameter.default is not parameter.empty:
                found.setdefault(parameter.name, parameter)
        if named == parameters:
            break
    return found


def _constructor_problem(key: str, part: DictConfig, reason: str) -> str:
    """Return in a line why a class did not take its settings; Python's words name no keys."""
    from hydra.utils import get_class

    call = re.match(r"(\w+)\.__init__\(\) (.*)", reason)
    made = get_class(part._target_) if call else object
    if call is None or call[1] not in {base.__name__ for base in made.__mro__}:
        return f"{key}: {reason}"
    if match := re.match(r"got an unexpected keyword argument '(\w+)'", call[2]):
        known = [f"{key}.{parameter}" for parameter in parameters_of(made)]
        wrong = f"{key}.{match[1]}"
        return f"unknown key {wrong!r}{did_you_mean(wrong, known)}"
    if match := re.match(r"missing .* required .* arguments?: '(\w+)'", call[2]):
        return f"{key}.{match[1]} is missing; set it with +{key}.{match[1]}=..."
    return f"{key}: {reason}"
