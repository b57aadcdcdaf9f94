"""The report of a run: one self-contained HTML file."""

from dcgan_lightning.reports.material import REPORT_FILE, Material, gather
from dcgan_lightning.reports.page import render, write_report

__all__ = ["REPORT_FILE", "Material", "gather", "render", "write_report"]
