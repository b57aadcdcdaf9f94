"""Going on with a run: from which checkpoint, into which folder, and whether it is the same run at all."""

import filecmp
import logging
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from dcgan_lightning.core.durations import format_position
from dcgan_lightning.core.errors import ConfigError, RunFolderError
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.locks import LOCK_FILE
from dcgan_lightning.core.regular_files import read_file
from dcgan_lightning.core.shell import setting
from dcgan_lightning.core.temporaries import OLD_PREFIX, is_temporary
from dcgan_lightning.runs.folder import is_inside_run, similar_path
from dcgan_lightning.runs.jobs import CONFIG_FILE as CONFIG_FILE
from dcgan_lightning.runs.reading import read_settings

log = logging.getLogger(__name__)


def find_checkpoint(ckpt_path: str | None, folder: Path, is_named: bool = True) -> Path | None:
    """Return the checkpoint to resume from, or None to start at the beginning.

    Args:
        ckpt_path: A file; a run's folder, for the furthest valid checkpoint in it; "last", for that of the
            run itself, or its beginning if it was ended before its first checkpoint; "auto", the same, but
            if there is no such run it is started; None for a new run.
        folder: The run's own folder.
        is_named: Whether the user has named it.

    Raises:
        ConfigError: There is no checkpoint to resume from.
        CheckpointError: There are checkpoints, and none is valid.
    """
    if ckpt_path is None:
        return None
    is_own = ckpt_path in ("last", "auto")
    if not is_own and not Path(ckpt_path).is_dir():
        if "://" in ckpt_path:
            raise ConfigError(f"ckpt_path must be a local file, got {ckpt_path}; fetch it first")
        if not Path(ckpt_path).is_file():
            meant = similar_path(Path(ckpt_path)) or "; give a file, a run's folder, last or auto"
            raise ConfigError(f"ckpt_path={ckpt_path} does not exist{meant}")
        return Path(ckpt_path).absolute()
    run = folder if is_own else Path(ckpt_path)
    if not any((run / "checkpoints").glob("*.ckpt")):
        if ckpt_path == "auto" or (is_own and (run / CONFIG_FILE).is_file()):
            log.info("%s holds no checkpoint yet: starting at the beginning", run)
            return None
        raise ConfigError(_no_run(ckpt_path, run, is_own, is_named))
    from dcgan_lightning.runs.checkpoints import newest_checkpoint

    path, refusals = newest_checkpoint(run / "checkpoints")
    for refusal in refusals:
        log.warning("skipped: %s", refusal)
    return path.absolute()


def _no_run(ckpt_path: str, run: Path, is_own: bool, is_named: bool) -> str:
    """Return why nothing can be continued, and what can be."""
    if not is_own:
        return f"ckpt_path={ckpt_path} holds no checkpoint; give the folder of a run that has one"
    saved = [path for path in run.parent.glob("*/checkpoints/*.ckpt") if path.is_file()]
    newest = max(saved, key=lambda path: path.stat().st_mtime).parents[1].name if saved else None
    remedy = f"the newest is {setting('run_name', newest)}" if newest else f"{run.parent} holds none"
    if is_named:
        return f"ckpt_path={ckpt_path}: {run} holds no run to continue; {remedy}"
    return f"ckpt_path={ckpt_path} needs the run_name of a run to continue; {remedy}"


def check_folder(
    folder: Path, ckpt_path: str | None, found: Path | None, unused: Collection[Path] = ()
) -> None:
    """Refuse to write into a folder that holds another run than the resumed one.

    Args:
        folder: The run's folder.
        ckpt_path: What the user gave.
        found: The checkpoint that was found for it.
        unused: Files that are of no run: those that Hydra has just written, and those of a killed start.
    """
    # The lock is this process' own, and a run can be killed while it writes its first file.
    others = [
        path.name
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.name != LOCK_FILE
        and not is_temporary(path.name)
        and not path.name.startswith(OLD_PREFIX)
        and not _consists_of(path, unused)
    ]
    if found is None:
        goes_on = ckpt_path in ("last", "auto") and (folder / CONFIG_FILE).is_file()
    else:
        goes_on = is_inside_run(found, folder) or _is_same_start(folder, str(ckpt_path), found, others)
    if others and not goes_on:
        raise RunFolderError(
            f"{folder} already holds a run; choose another run_name, or go on with this one: ckpt_path=last"
        )


def _consists_of(path: Path, files: Collection[Path]) -> bool:
    """Return whether a path is one of these files, or a folder of nothing else; it may be empty."""
    if not path.is_dir():
        return path in files
    return all(_consists_of(part, files) for part in path.iterdir())


def check_resumable(
    checkpoint: dict[str, Any],
    path: Path,
    environment: Mapping[str, Any],
    max_epochs: int,
) -> bool:
    """Refuse a checkpoint with more epochs than requested.

    Args:
        checkpoint: The checkpoint to resume from.
        path: Its file.
        environment: What bit-exact results depend on besides; a difference is only a warning.
        max_epochs: Number of epochs to train to.

    Returns:
        Whether the checkpoint has all epochs already.

    Raises:
        ConfigError: Names the number of epochs.
    """
    from dcgan_lightning.runs.checkpoints import progress

    saved = checkpoint.get("environment", {})
    changes = [
        f"{key}={saved[key]} (now {value})"
        for key, value in environment.items()
        if key in saved and saved[key] != value
    ]
    if changes:
        what = ", ".join(changes)
        log.warning("the run is resumed, but not bit-identical to an uninterrupted one: %s", what)
    epochs, iterations = progress(checkpoint)
    if epochs > max_epochs:
        place = format_position(epochs, iterations)
        raise ConfigError(
            f"trainer.max_epochs={max_epochs}, but {path} is already at {place}; "
            f"max_epochs counts from the start of the run, so give more than {epochs}"
        )
    if epochs == max_epochs:
        log.info("%s already has all %d epochs; raise trainer.max_epochs to train further", path, epochs)
        return True
    log.info("resuming after %s of %s", format_position(epochs, iterations), path)
    return False


def _is_same_start(folder: Path, ckpt_path: str, found: Path, others: list[str]) -> bool:
    """Return whether the run there has the same ``ckpt_path`` and no own checkpoint yet."""
    checkpoints = [*(folder / "checkpoints").glob("*.ckpt")]
    try:
        is_same = read_settings(folder / CONFIG_FILE).get("ckpt_path") == ckpt_path
    except FileNotFoundError:  # stopped within `take_over`
        is_same = others == ["checkpoints"]
    except RunFolderError:  # damaged
        is_same = False
    return is_same and all(filecmp.cmp(path, found, shallow=False) for path in checkpoints)


def take_over(ckpt_path: Path, folder: Path) -> None:
    """Copy a checkpoint from elsewhere into the run's folder, to be resumed from there from now on.

    This comes before all other files of the run: a folder with settings has the checkpoint they start from.
    """
    own = folder / "checkpoints" / "last.ckpt"
    if not is_inside_run(ckpt_path, folder) and not own.exists():
        write_atomic(own, read_file(ckpt_path))


def keeps_checkpoints(callbacks: Mapping[str, Any] | None) -> bool:
    """Return whether a run with these callbacks keeps checkpoints to resume from."""
    parts = [part for part in (callbacks or {}).values() if part]
    return any(part.get("_target_") == "dcgan_lightning.callbacks.Checkpoints" for part in parts)
