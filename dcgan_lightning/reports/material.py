"""What a report shows, gathered from a run's folder; what is missing or damaged is left out."""

import contextlib
import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcgan_lightning.config.nested import look_up
from dcgan_lightning.core.errors import CheckpointError, RunFolderError
from dcgan_lightning.core.locks import LOCK_FILE
from dcgan_lightning.core.measured import Figure
from dcgan_lightning.core.temporaries import is_temporary
from dcgan_lightning.pictures import decode_gif, decode_png, encode_gif, encode_png, shrink, square_side
from dcgan_lightning.reports.embedded import Picture, png_size
from dcgan_lightning.reports.live import Live, State
from dcgan_lightning.reports.scores import Scores, read_scores
from dcgan_lightning.runs.checkpoints import read_checkpoint
from dcgan_lightning.runs.folder import sample_grids, similar_path
from dcgan_lightning.runs.jobs import CONFIG_FILE
from dcgan_lightning.runs.reading import read_figures, read_settings, read_system, read_table
from dcgan_lightning.runs.run import POSITION
from dcgan_lightning.runs.system_file import SystemFacts

log = logging.getLogger(__name__)

REPORT_FILE = "report.html"
FRAME_LIMIT = 60
LIVE_FRAME_LIMIT = 12  # while the run trains: each costs time


@dataclass(frozen=True)
class Frame:
    """A sample grid and when it was drawn; epoch and iteration count from 1."""

    epoch: int
    iteration: int
    png: bytes


@dataclass(frozen=True)
class Material:
    """Everything a report shows; None or empty if missing.

    Attributes:
        name: The run's name.
        path: The run's folder, for commands: from the working folder, or absolute if it is not below that.
        has_checkpoint: Whether the run has a checkpoint for those commands.
        config: ``config.yaml`` as it is.
        settings: The same, parsed.
        networks: ``networks.txt``.
        system: What was trained.
        figures: What was measured in every iteration.
        history: Columns of ``history.csv``, each (iterations,).
        frames: Chosen sample grids in the order of training; the last one is the last drawn.
        drawn: When the last grid was drawn, by its file's date.
        untrained: Grid of the untrained generator.
        real: Grid of training images.
        film: A GIF.
        environment: Versions and devices from the last checkpoint.
        scores: From ``scores/*.json``, those of the longest training first.
        course: Columns of ``scores.csv``, the scores that were taken during the training, each (times,).
        nearest: Generated images beside their nearest training images, for the first of the scores.
        atlas: Generated images by class.
        files: (name, number of files, bytes) of what lies in the folder.
        state: Of the training.
        live: How it stands, on a page that it writes itself.
    """

    name: str
    path: Path
    has_checkpoint: bool
    config: str
    settings: Mapping[str, Any]
    networks: str | None
    system: SystemFacts
    figures: tuple[Figure, ...]
    history: Mapping[str, NDArray[np.float64]] | None
    frames: list[Frame]
    drawn: datetime | None
    untrained: bytes | None
    real: bytes | None
    film: bytes | None
    environment: Mapping[str, Any]
    scores: list[Scores]
    course: Mapping[str, NDArray[np.float64]] | None
    nearest: list[Picture]
    atlas: list[Picture]
    files: list[tuple[str, int, int]]
    state: State = "ended"
    live: Live | None = None


def gather(folder: Path, state: State = "ended", live: Live | None = None) -> Material:
    """Read a run's folder.

    Args:
        folder: The run's.
        state: Of the training.
        live: How it stands, if it writes the page itself: what takes long to read is left out then.

    Raises:
        RunFolderError: It is not there or holds no run.
    """
    if not folder.is_dir():
        meant = similar_path(folder) or "; give the folder of a run, as outputs/<run_name>"
        raise RunFolderError(f"run={folder} does not exist{meant}")
    try:
        settings = read_settings(folder / CONFIG_FILE)
    except FileNotFoundError:
        raise RunFolderError(
            f"run={folder} holds no run: there is no {CONFIG_FILE}; give a folder as outputs/<run_name>"
        ) from None
    figures = _figures(folder)
    grids = sample_grids(folder)
    scores = read_scores(folder / "scores")
    return Material(
        name=str(settings.get("run_name") or folder.resolve().name),
        path=_path_for_commands(folder),
        has_checkpoint=any(folder.glob("checkpoints/*.ckpt")),
        config=(folder / CONFIG_FILE).read_text(encoding="utf-8"),
        settings=settings,
        networks=_text(folder / "networks.txt"),
        system=_system(folder, settings),
        figures=figures,
        history=live.history or None
        if live
        else _table(folder / "history" / "history.csv", POSITION, [figure.name for figure in figures]),
        frames=[
            Frame(epoch, iteration, png)
            for epoch, iteration, path in choose_frames(grids, LIVE_FRAME_LIMIT if live else FRAME_LIMIT)
            if (png := _picture(path))
        ],
        drawn=datetime.fromtimestamp(grids[-1].path.stat().st_mtime) if grids else None,
        untrained=_picture(folder / "samples" / "untrained.png"),
        real=_picture(folder / "samples" / "real.png"),
        film=None if live else _film(folder, settings),
        environment={} if live else _environment(folder / "checkpoints" / "last.ckpt"),
        scores=scores,
        course=_table(folder / "history" / "scores.csv", ("epoch",)),
        nearest=_pictures([folder / "scores" / f"{file.title}_nearest.png" for file in scores[:1]]),
        atlas=_pictures(_atlas(folder / "generated")),
        files=_files(folder),
        state=state,
        live=live,
    )


def _system(folder: Path, settings: Mapping[str, Any]) -> SystemFacts:
    """Return the facts about the run's system; for a run of an earlier version, from its settings."""
    try:
        facts = read_system(folder)
    except RunFolderError as error:
        log.warning("left out of the report: %s", error)
        facts = None
    return facts or SystemFacts(class_name(settings, "model") or SystemFacts.name)


def class_name(settings: Mapping[str, Any], group: str) -> str:
    """Return the name of the class that a group of the settings builds; nothing if it is not known."""
    return str((settings.get(group) or {}).get("_target_") or "").rpartition(".")[2]


def _figures(folder: Path) -> tuple[Figure, ...]:
    """Return the figures of the run; none if the file is damaged, which is logged."""
    try:
        return read_figures(folder)
    except RunFolderError as error:
        log.warning("%s", error)
        return ()


def _path_for_commands(folder: Path) -> Path:
    folder, here = folder.resolve(), Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def choose_frames(grids: list[Any], limit: int = FRAME_LIMIT) -> list[Any]:
    """Return at most ``limit`` of the grids: all, or ever fewer as training proceeds, as in the film.

    The first and the last one are among them.
    """
    if len(grids) <= limit:
        return grids
    steps = range(limit)
    return [grids[index] for index in sorted({round((len(grids) - 1) * (k / steps[-1]) ** 2) for k in steps})]


def _atlas(folder: Path) -> list[Path]:
    """Return the picture of an atlas, if there is one: the largest file; others are single images."""
    found = [path for path in folder.glob("atlas*/*.png") if path.is_file()]
    return [max(found, key=lambda path: (path.stat().st_size, path.name))] if found else []


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else None


def _picture(path: Path) -> bytes | None:
    """Return a picture with one pixel for each of the image's: the page scales it up, as sharp as it was."""
    if not path.is_file():
        return None
    try:
        return encode_png(shrink(decode_png(path.read_bytes())))
    except Exception as error:  # what the decoders raise on damaged files is not a closed list
        log.warning("left out of the report: %s is damaged (%s)", path, type(error).__name__)
        return None


def _pictures(paths: list[Path]) -> list[Picture]:
    return [
        # Drawings with words in them have no squares of equal pixels, and stay as they are.
        Picture(png, is_pixels=png_size(png) != png_size(path.read_bytes()))
        for path in paths
        if (png := _picture(path)) is not None
    ]


def _film(folder: Path, settings: Mapping[str, Any]) -> bytes | None:
    wanted = look_up(settings, "callbacks.film.file_name")
    path = folder / wanted if isinstance(wanted, str) else next(iter(sorted(folder.glob("*.gif"))), None)
    if path is None or not path.is_file():
        return None
    try:
        frames, durations = decode_gif(path.read_bytes())
        side = math.gcd(*map(square_side, frames))  # one for all: flat frames have larger squares
        return encode_gif([frame[::side, ::side] for frame in frames], durations)
    except Exception as error:  # see above
        log.warning("left out of the report: %s is damaged (%s)", path, type(error).__name__)
        return None


def _table(
    path: Path, positions: Sequence[str], others: Sequence[str] = ()
) -> dict[str, NDArray[np.float64]] | None:
    """Return the columns of a table, or None if it is missing, empty, damaged or lacks one of these."""
    try:
        table = read_table(path, positions)
    except RunFolderError as error:
        log.warning("left out of the report: %s", error)
        return None
    if table and (missing := [name for name in others if name not in table]):
        log.warning("left out of the report: %s has no column %s", path, missing[0])
        return None
    return table or None


def _environment(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        checkpoint = read_checkpoint(path)
    except CheckpointError as error:
        log.warning("left out of the report: %s", error)
        return {}
    version = checkpoint.get("pytorch-lightning_version")
    return ({"pytorch-lightning": version} if version else {}) | dict(checkpoint.get("environment") or {})


def _files(folder: Path) -> list[tuple[str, int, int]]:
    """Return (name, files, bytes) of everything in a folder but the report, temporaries and the lock."""
    entries = []
    for path in sorted(folder.iterdir(), key=lambda path: (path.is_file(), path.name)):
        if path.name in (LOCK_FILE, REPORT_FILE) or is_temporary(path.name):
            continue
        sizes = [*_sizes([path] if path.is_file() else path.rglob("*"))]
        name = path.name if path.is_file() else f"{path.name}/"
        entries.append((name, len(sizes), sum(sizes)))
    return entries


def _sizes(paths: Iterable[Path]) -> Iterator[int]:
    """Yield the bytes of each file that is no temporary one; a run that still trains renames those."""
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            if path.is_file() and not is_temporary(path.name):
                yield path.stat().st_size
