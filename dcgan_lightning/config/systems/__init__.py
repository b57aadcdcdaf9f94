"""What each system's settings may be: one module a system, found by the name of the system's class.

Such a module defines ``RULES``, a check for each setting of the group ``model``, and ``find_problem``, which
looks at settings together.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any

from dcgan_lightning.config.checks import Check
from dcgan_lightning.core.errors import ConfigError


def model_rules(target: Any) -> dict[str, Check]:
    """Return the check of each key of the group model, as "model.seed"; none for an unknown system.

    Args:
        target: ``model._target_``, as "dcgan_lightning.systems.DCGAN".
    """
    module = _module_of(target)
    return {f"model.{name}": check for name, check in module.RULES.items()} if module else {}


def all_model_rules() -> dict[str, Check]:
    """Return the checks of all systems' keys."""
    targets = [module.name for module in pkgutil.iter_modules(__path__)]
    return {key: check for target in targets for key, check in model_rules(target).items()}


def model_problem(model: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    """Return why a system's settings do not fit together or to the data, or None if they do.

    Args:
        model: The group model; each of its values passed its check.
        data: The group data.
    """
    module = _module_of(model.get("_target_"))
    if module is None:
        return None
    if module.RULES.keys() >= {"image_channels", "image_size"} and (problem := _shape_problem(model, data)):
        return problem
    found: str | None = module.find_problem(_Group("model", model), _Group("data", data))
    return found


def _shape_problem(model: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    """Return why the images' channels or their size do not fit, or None if they do."""
    channels, size = data.get("channels", 1), data.get("size", model.get("image_size"))
    if model.get("image_channels") != channels:
        return (
            f"model.image_channels must be {channels}, the number of the data's channels; "
            f"got {model.get('image_channels')}"
        )
    if model.get("image_size") != size:
        return f"model.image_size must be {size}, as data.size is; got {model.get('image_size')}"
    return None


class _Group(dict[str, Any]):
    """A group of settings, as "model", that names a key which was removed from it."""

    def __init__(self, name: str, values: Mapping[str, Any]) -> None:
        super().__init__(values)
        self._name = name

    def __missing__(self, key: str) -> Any:
        raise ConfigError(f"{self._name}.{key} is missing; set it with {self._name}.{key}=...")


def _module_of(target: Any) -> Any:
    name = f"{__name__}.{str(target).rpartition('.')[2].lower()}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        return None
