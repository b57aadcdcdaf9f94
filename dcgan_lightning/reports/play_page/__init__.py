"""The play page: one HTML file in which networks run, without a server or a connection."""

from dcgan_lightning.reports.play_page.content import Network, PlayPage, Quiz, TranslatingPage, Way
from dcgan_lightning.reports.play_page.render import render_play_page, render_translating_page

__all__ = [
    "Network",
    "PlayPage",
    "Quiz",
    "TranslatingPage",
    "Way",
    "render_play_page",
    "render_translating_page",
]
