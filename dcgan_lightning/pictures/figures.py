"""Matplotlib figures that do not depend on the user's matplotlibrc and open no window."""

import functools
import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, ParamSpec

if TYPE_CHECKING:  # commands that draw nothing need no Matplotlib
    import numpy as np
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

_Arguments = ParamSpec("_Arguments")

# One colour for one network, in pictures and in the report: what the generator makes and what it loses is
# warm, the discriminator and real images are cool.
WARM, COOL = "#a83a17", "#1d5d8a"
COLOURS = {"warm": WARM, "cool": COOL}


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


def count_in_whole_numbers(axes: "Axes", places: "NDArray[np.number]") -> None:
    """Put the ticks of an x-axis at whole numbers, as for epochs, and give a single place room.

    Args:
        axes: With everything drawn.
        places: All places that are drawn, finite.
    """
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if len(places) and places.min() == places.max():
        axes.set_xlim(places.min() - 0.5, places.max() + 0.5)


def legend_above(axes: "Axes") -> None:
    """Put the legend above the panel's right end, where it hides no curve."""
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=4, frameon=False, columnspacing=1.2)


def png_of(figure: "Figure", dpi: float = 80) -> bytes:
    """Return a figure as the bytes of a PNG file; letters that the font lacks become boxes."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph", UserWarning)
        figure.savefig(buffer, format="png", dpi=dpi)
    return buffer.getvalue()
