"""The report as one HTML file."""

from html import escape
from pathlib import Path
from string import Template

import dcgan_lightning
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.reports.material import REPORT_FILE, Material, gather
from dcgan_lightning.reports.sections import SECTIONS

_HERE = Path(__file__).parent


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
    template, style, script = (
        (_HERE / name).read_text(encoding="utf-8") for name in ("page.html", "page.css", "page.js")
    )
    return Template(template).substitute(
        title=escape(f"{material.name} - DCGAN report"),
        style=style.strip(),
        script=script.strip(),
        sections="\n".join(part for section in SECTIONS if (part := section(material))),
        footer=f"Written by dcgan_lightning {dcgan_lightning.__version__}. This file holds all it shows.",
    )
