"""What Hydra writes before it calls a command: noted beforehand, and taken back if the command is refused.

Hydra makes the folder of a run or a sweep, log files and copies of the settings before a command can look at
its settings. Only what was noted as missing before is ever removed, so nothing of the user's is.
"""

import contextlib
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.locks import is_locked, missing_folders
from dcgan_lightning.core.processes import is_first_process
from dcgan_lightning.core.regular_files import check_regular, read_file

_SWEEP_FILE = Path("multirun.yaml")
_COPIES = ("config.yaml", "hydra.yaml", "overrides.yaml")  # in hydra.output_subdir
# The name of a log file in a job's folder, such as ${hydra.runtime.output_dir}/${hydra.job.name}.log
_LOG_FILE = re.compile(r"\$\{hydra[.:]runtime\.output_dir\}/(.+)")
_LOG_SUFFIX = ".log"
_JOB_NAME = re.compile(r"\$\{hydra[.:]job\.name\}")
_RUN_FILE = "config.yaml"  # a folder that holds it is a run's


@dataclass(frozen=True)
class Before:
    """What there was before Hydra wrote anything.

    Attributes:
        process: The number of the process that noted it.
        folder: The run's or the sweep's, absolute.
        missing: Folders that Hydra makes and that did not exist, the deepest first.
        contents: The files that Hydra makes or overwrites, and what they held; None if they did not exist.
        in_jobs: Those that it makes in the folder of each job of a sweep, relative to it.
        folders: All folders in that of a sweep; None for a run.
    """

    process: int
    folder: Path
    missing: list[Path]
    contents: dict[Path, bytes | None]
    in_jobs: frozenset[Path] = frozenset()
    folders: frozenset[Path] | None = None


_before: Before | None = None
_is_accepted = False


class NoteFiles(Callback):
    """Hydra's callback that notes what there is before Hydra writes anything."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Note what is in the run's folder."""
        with contextlib.suppress(OmegaConfBaseException):  # which Hydra is about to report
            _note(Path(config.hydra.run.dir), _files_of_job(config.hydra))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Note what is in the sweep's folder."""
        with contextlib.suppress(OmegaConfBaseException):
            folder = Path(os.path.abspath(config.hydra.sweep.dir))
            in_jobs = frozenset(_files_of_job(config.hydra))
            _note(folder, {_SWEEP_FILE}, in_jobs=in_jobs, folders=frozenset(_folders_below(folder)))


def accept() -> None:
    """Note that the command is not refused: what Hydra has written stays."""
    global _is_accepted
    _is_accepted = True


def written_by_hydra(folder: Path) -> set[Path]:
    """Return the files in a job's folder that this job's Hydra has written and that are new."""
    if not HydraConfig.initialized():
        return set()
    files = {folder / file for file in _files_of_job(HydraConfig.get())}
    before = _before if _before is not None and _before.process == os.getpid() else None
    if before is not None and before.folders is not None:
        return set() if Path(os.path.abspath(folder)) in before.folders else files
    if before is not None:
        return {file for file in files if before.contents.get(Path(os.path.abspath(file)), b"") is None}
    return files


def leaving_nothing(command: Callable[[], Any]) -> None:
    """Run a command; if it is refused, remove what Hydra made for it, else only folders that stayed empty."""
    here = frozenset(os.listdir())
    try:
        command()
    except BaseException:
        _take_back(is_refused=not _is_accepted)
        if _before is None:
            _remove_new(here)
        raise
    _take_back(is_refused=False)


def _remove_new(here: frozenset[str]) -> None:
    """Remove what Hydra made for a configuration without `NoteFiles`, such as an empty file.

    Args:
        here: What the working folder held before. Only a new folder that holds nothing but Hydra's log file
            and copies of the settings is removed.
    """
    for path in (Path(name) for name in frozenset(os.listdir()) - here):
        files = [part for part in path.rglob("*") if part.is_symlink() or not part.is_dir()]
        if path.is_dir() and all(part.name in _COPIES or part.suffix == _LOG_SUFFIX for part in files):
            shutil.rmtree(path, ignore_errors=True)


def _note(folder: Path, files: set[Path], **of_sweep: Any) -> None:
    """Note what there is; end the process with one line where Hydra would write into anything but files."""
    global _before, _is_accepted
    folder = Path(os.path.abspath(folder))
    paths = {folder / file for file in files}
    contents: dict[Path, bytes | None] = {}
    try:
        for path in paths:
            check_regular(path)  # Hydra would follow a link, and wait for a pipe
            if not path.exists():
                contents[path] = None
            elif path.suffix != _LOG_SUFFIX:  # Hydra only adds to a log file
                contents[path] = read_file(path)
    except OSError as error:
        remedy = "remove it, or choose another run_name"
        raise SystemExit(f"error: cannot write {error.filename}: {error.strerror}; {remedy}") from None
    missing = {part for path in {folder / "x", *paths} for part in missing_folders(path.parent)}
    deepest_first = sorted(missing, key=lambda path: -len(path.parts))
    _before = Before(os.getpid(), folder, deepest_first, contents, **of_sweep)
    _is_accepted = False


def _files_of_job(hydra: Any) -> set[Path]:
    """Return the files that Hydra writes for a job, relative to its folder."""
    names = [f"{hydra.output_subdir}/{copy}" for copy in _COPIES] if hydra.output_subdir is not None else []
    logging = OmegaConf.to_container(hydra.job_logging, resolve=False) if hydra.job_logging else {}
    handlers = logging.get("handlers") if isinstance(logging, dict) else None
    for handler in (handlers or {}).values():
        if isinstance(handler, dict) and (match := _LOG_FILE.fullmatch(str(handler.get("filename")))):
            names.append(_JOB_NAME.sub(lambda _: str(hydra.job.name), match[1]))
    paths = {Path(os.path.normpath(name)) for name in names if "${" not in name}
    return {path for path in paths if not path.is_absolute() and ".." not in path.parts}


def _folders_below(folder: Path) -> set[Path]:
    """Return all folders in another one, but none within the runs in it."""
    found: set[Path] = set()
    for name, folders, files in os.walk(folder):
        if _RUN_FILE in files and Path(name) != folder:
            folders.clear()
        found.update(Path(name, each) for each in folders)
    return found


def _take_back(is_refused: bool) -> None:
    before = _before
    if before is None or before.process != os.getpid() or not is_first_process():
        return
    with contextlib.suppress(
        OSError, RunFolderError
    ):  # a full or closed disk, which may be why it is refused
        if before.folders is not None:
            new = _folders_below(before.folder) - before.folders
            for folder in sorted(new, key=lambda path: -len(path.parts)):
                _remove_job(folder, before.in_jobs)
        if is_refused and not is_locked(before.folder):  # by another process
            for path, content in before.contents.items():
                if content is None:
                    path.unlink(missing_ok=True)
                elif read_file(path) != content:
                    write_atomic(path, content)
    for folder in before.missing:
        with contextlib.suppress(OSError):  # something is in it
            folder.rmdir()


def _remove_job(folder: Path, in_jobs: frozenset[Path]) -> None:
    """Remove the folder of a job that holds nothing but what Hydra wrote before the job was refused."""
    below = [*folder.rglob("*")]
    files = [path for path in below if path.is_symlink() or not path.is_dir()]
    if {path.relative_to(folder) for path in files} <= in_jobs:
        for path in files:
            path.unlink()
        for part in sorted([folder, *(set(below) - set(files))], key=lambda path: -len(path.parts)):
            part.rmdir()
