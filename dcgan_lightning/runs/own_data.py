"""The images that a run was trained on, from its settings; imports no PyTorch."""

from pathlib import Path
from typing import Any

from dcgan_lightning.config.data import renamed
from dcgan_lightning.runs.jobs import CONFIG_FILE
from dcgan_lightning.runs.reading import read_settings

_INSIDE = ("checkpoints", "exported")  # folders of a run that hold networks


def own_data(ckpt_path: Any) -> dict[str, Any] | None:
    """Return the group data of the run that a path belongs to.

    Args:
        ckpt_path: A command's value: the run's folder, a checkpoint in it or an export in it.

    Returns:
        None if it is in no run's folder, or the run's settings do not say.

    Raises:
        RunFolderError: The settings cannot be read.
    """
    path = Path(str(ckpt_path)).resolve()
    if ckpt_path in (None, "pretrained") or not path.exists():
        return None
    candidates = (path, *(part.parent for part in (path, *path.parents) if part.name in _INSIDE))
    folder = next((folder for folder in candidates if (folder / CONFIG_FILE).is_file()), None)
    data = None if folder is None else read_settings(folder / CONFIG_FILE).get("data")
    if not isinstance(data, dict):
        return None
    return {renamed(f"data.{key}").removeprefix("data."): value for key, value in data.items()}
