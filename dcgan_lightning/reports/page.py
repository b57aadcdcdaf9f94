"""The report as one HTML file."""

from pathlib import Path

import dcgan_lightning
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.reports import contents, rendering
from dcgan_lightning.reports.head import describe_training, key_facts, subject
from dcgan_lightning.reports.live import Live, State
from dcgan_lightning.reports.material import REPORT_FILE, Material, gather
from dcgan_lightning.reports.score_table import draw_scores, name_scores

_RUNNING = 'data-state="running"'
_START = 200  # bytes, among which it stands


def write_report(folder: Path, state: State = "ended", live: Live | None = None) -> Path:
    """Write ``report.html`` into a run's folder; the same folder makes the same bytes.

    Args:
        folder: The run's.
        state: Of the training.
        live: How it stands, if it writes the page itself.

    Returns:
        The file.

    Raises:
        RunFolderError: The folder holds no run, or cannot be written.
    """
    path = folder / REPORT_FILE
    write_atomic(path, render(gather(folder, state, live)).encode())
    return path


def is_running_page(path: Path) -> bool:
    """Return whether a file is the page of a training that went on when it was written."""
    try:
        with path.open("rb") as stream:
            return _RUNNING.encode() in stream.read(_START)
    except OSError:
        return False


def render(material: Material) -> str:
    """Return the page: no part of it is fetched from anywhere."""
    return rendering.render(
        "page.html",
        version=dcgan_lightning.__version__,
        material=material,
        system=material.system,
        subject=subject(material),
        lead=describe_training(material),
        key_facts=key_facts(material),
        frames_for_script=contents.frames(material),
        panels=contents.panels(material),
        iterations_per_point=contents.iterations_per_point(material),
        course=contents.course(material),
        score_title=name_scores,
        score_table=draw_scores,
        command=lambda module, *arguments: contents.command(material, module, *arguments),
    )
