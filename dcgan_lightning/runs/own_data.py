"""The images that a run was trained on, from its settings; imports no PyTorch."""

from pathlib import Path
from typing import Any

from dcgan_lightning.config.data import renamed
from dcgan_lightning.runs.jobs import CONFIG_FILE
from dcgan_lightning.runs.reading import read_settings


def own_data(ckpt_path: Path | str) -> dict[str, Any] | None:
    """Return the group data of the run that a path names.

    Args:
        ckpt_path: The run's folder, or a checkpoint in it.

    Returns:
        None if it is neither, or the run's settings do not say.

    Raises:
        RunFolderError: The settings cannot be read.
    """
    path = Path(ckpt_path)
    candidates = (path, path.resolve().parent.parent)
    folder = next((folder for folder in candidates if (folder / CONFIG_FILE).is_file()), None)
    data = None if folder is None else read_settings(folder / CONFIG_FILE).get("data")
    if not isinstance(data, dict):
        return None
    return {renamed(f"data.{key}").removeprefix("data."): value for key, value in data.items()}
