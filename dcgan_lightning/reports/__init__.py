"""The report of a run: one self-contained HTML file."""

from dcgan_lightning.reports.live import Live, State
from dcgan_lightning.reports.material import REPORT_FILE, Material, gather
from dcgan_lightning.reports.page import is_running_page, render, write_report

__all__ = ["REPORT_FILE", "Live", "Material", "State", "gather", "is_running_page", "render", "write_report"]
