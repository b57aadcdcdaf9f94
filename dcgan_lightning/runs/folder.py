"""Files in a run's folder: its sample grids, its initial weights, and whether a checkpoint belongs to it."""

import contextlib
import difflib
import re
from pathlib import Path
from typing import NamedTuple

from dcgan_lightning.core.errors import CheckpointError
from dcgan_lightning.core.shell import quote

INITIAL_FILE = "init_from.safetensors"  # trained weights that a run starts with
_NAME = re.compile(r"sample_epoch_(\d+)_iter_(\d+)\.png")


class SampleGridFile(NamedTuple):
    """A sample grid; epoch and iteration count from 1. Such tuples sort in the order of training."""

    epoch: int
    iteration: int
    path: Path


def grid_name(epoch: int, iteration: int) -> str:
    """Return a sample grid's file name, the notebook's."""
    return f"sample_epoch_{epoch:04d}_iter_{iteration:03d}.png"


def sample_grids(folder: Path) -> list[SampleGridFile]:
    """Return the sample grids of a run in the order of training.

    Args:
        folder: The run's folder; it need not have any.
    """
    paths = (folder / "samples").glob("sample_epoch_*.png")
    named = [(match, path) for path in paths if (match := _NAME.fullmatch(path.name)) and path.is_file()]
    return sorted(SampleGridFile(int(match[1]), int(match[2]), path) for match, path in named)


def check_exists(path: Path | str, key: str = "ckpt_path") -> None:
    """Refuse a path of a trained network that does not exist; needs no PyTorch.

    Args:
        path: A run's folder, a checkpoint, an export, or "pretrained".
        key: The setting that names it.

    Raises:
        CheckpointError: There is no such file or folder.
    """
    if str(path) != "pretrained" and not Path(path).exists():
        meant = similar_path(Path(path)) or "; give a checkpoint file or a run's folder, or that of an export"
        raise CheckpointError(f"{key}={path} does not exist{meant}")


def is_inside_run(checkpoint: Path, folder: Path) -> bool:
    """Return whether a checkpoint is one of a run's own.

    The file, the folder ``checkpoints`` and the run's folder may be links to another disk.

    Args:
        checkpoint: The file.
        folder: The run's folder.
    """
    places = [checkpoint.resolve(), checkpoint.parent.resolve()]
    folders = [folder.resolve(), (folder / "checkpoints").resolve()]
    return any(place.is_relative_to(each) for place in places for each in folders)


def similar_path(path: Path) -> str:
    """Return the end of a message about a missing file or folder: what may have been meant, or nothing.

    Args:
        path: A part of it is mistyped, or "outputs/" is missing before it.
    """
    existing, missing = path, list[str]()
    while not existing.exists():
        missing.insert(0, existing.name)
        existing = existing.parent
    candidates = [Path("outputs") / path]
    with contextlib.suppress(OSError):
        names = [entry.name for entry in existing.iterdir()] if missing else []
        alike = difflib.get_close_matches(missing[0], names, n=1) if missing else []
        candidates += [existing.joinpath(name, *missing[1:]) for name in alike]
        candidates += [existing / name for name in alike]
    found = next((candidate for candidate in candidates if candidate.exists()), None)
    return f"; did you mean {quote(str(found))}?" if found else ""
