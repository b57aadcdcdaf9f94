"""The play page: one HTML file in which a network runs, without a server or a connection."""

from dcgan_lightning.reports.play_page.render import Network, PlayPage, Quiz, render_play_page

__all__ = ["Network", "PlayPage", "Quiz", "render_play_page"]
