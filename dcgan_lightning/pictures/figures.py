"""Matplotlib figures that do not depend on the user's matplotlibrc and open no window."""

import functools
import io
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec

if TYPE_CHECKING:  # commands that draw nothing need no Matplotlib
    from matplotlib.figure import Figure

_Arguments = ParamSpec("_Arguments")


def with_defaults(draw: Callable[_Arguments, bytes]) -> Callable[_Arguments, bytes]:
    """Let a function draw under Matplotlib's defaults: same arguments, same bytes, for every user.

    A user's matplotlibrc may ask for LaTeX, which need not be installed, or for a tight bounding box, which
    changes sizes. Every function that draws with Matplotlib has this decorator.
    """

    @functools.wraps(draw)
    def draw_under_defaults(*args: _Arguments.args, **kwargs: _Arguments.kwargs) -> bytes:
        import matplotlib.style

        with matplotlib.style.context("default"):
            return draw(*args, **kwargs)

    return draw_under_defaults


def figure_of(size: tuple[float, float], dpi: float | None = None) -> "Figure":
    """Return a figure of a size in inches that belongs to no window and no global list."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=dpi)
    FigureCanvasAgg(figure)
    return figure


def png_of(figure: "Figure", dpi: float = 80) -> bytes:
    """Return a figure as the bytes of a PNG file."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
