"""The images that a run was trained on, from its settings; imports no PyTorch.

A run's folder may come from somebody else: its settings build data modules only, and refer to nothing else.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dcgan_lightning.config.data import OWN_DATA_RULES, renamed
from dcgan_lightning.config.training import target_problem
from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.runs.jobs import CONFIG_FILE
from dcgan_lightning.runs.reading import read_settings

_INSIDE = ("checkpoints", "exported")  # folders of a run that hold networks
_OUTPUTS = "outputs"  # stands in the folder where older runs were started
_MISSING = "???"  # OmegaConf's


def own_data(ckpt_path: Any) -> dict[str, Any] | None:
    """Return the group data of the run that a path belongs to.

    Args:
        ckpt_path: A command's value: the run's folder, a checkpoint in it or an export in it.

    Returns:
        None if the path is in no run's folder, or the run's settings do not say.

    Raises:
        RunFolderError: The settings cannot be read, or one of them is wrong.
    """
    path = Path(str(ckpt_path)).resolve()
    if ckpt_path in (None, "pretrained") or not path.exists():
        return None
    candidates = (path, *(part.parent for part in (path, *path.parents) if part.name in _INSIDE))
    folder = next((folder for folder in candidates if (folder / CONFIG_FILE).is_file()), None)
    data = None if folder is None else read_settings(folder / CONFIG_FILE).get("data")
    if folder is None or not isinstance(data, dict):
        return None
    data = {renamed(f"data.{key}").removeprefix("data."): value for key, value in data.items()}
    if problem := _problem(data):
        raise RunFolderError(
            f"{folder / CONFIG_FILE}: {problem}; fix this file, or name the images with data=..."
        )
    if isinstance(root := data.get("root"), str):
        data["root"] = _find(root, folder)
    return data


def _problem(data: Mapping[str, Any]) -> str | None:
    """Return which setting of the group data is unknown or wrong, or None if all are right."""
    for name, value in data.items():
        key = f"data.{name}"
        if name == "_target_":
            if problem := target_problem(key, value):
                return problem
            continue
        check = OWN_DATA_RULES.get(key)
        if check is None or value == _MISSING:
            return f"unknown key {key!r}" if check is None else f"{key} has no value"
        if "${" in str(value):
            return f"{key}={value} refers to something else, which is not looked up for a run"
        if wanted := check(value):
            return f"{key} must be {wanted}; got {value!r}"
    return None


def _find(root: str, folder: Path) -> str:
    """Return where a run's images are; older runs say it relative to the folder where they were started."""
    starts = [Path.cwd(), *(part.parent for part in folder.parents if part.name == _OUTPUTS)]
    places = [Path(os.path.abspath(start / Path(root).expanduser())) for start in starts]
    return str(next((place for place in places if place.exists()), places[-1]))
