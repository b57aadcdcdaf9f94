"""The report as one HTML file."""

from pathlib import Path

import dcgan_lightning
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.reports import contents, rendering
from dcgan_lightning.reports.head import describe_training, key_facts, subject
from dcgan_lightning.reports.material import REPORT_FILE, Material, gather
from dcgan_lightning.reports.score_table import draw_scores, name_scores


def write_report(folder: Path) -> Path:
    """Write ``report.html`` into a run's folder; the same folder makes the same bytes.

    Returns:
        The file.

    Raises:
        RunFolderError: The folder holds no run, or cannot be written.
    """
    path = folder / REPORT_FILE
    write_atomic(path, render(gather(folder)).encode())
    return path


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
