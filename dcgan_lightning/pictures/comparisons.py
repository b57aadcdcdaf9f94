"""Several runs in one picture: their grids side by side, and their curves one over the other."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dcgan_lightning.core.measured import NOTEBOOK_FIGURES, Figure
from dcgan_lightning.pictures.figures import count_in_whole_numbers, figure_of, png_of, with_defaults
from dcgan_lightning.pictures.plots import running_mean

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Plot

History = Mapping[str, NDArray[np.float64]]
Curve = tuple[NDArray[np.floating], NDArray[np.floating]]  # epochs and values
POINTS = 400  # of each curve
LEGEND_ROW = 0.24  # inches


@dataclass(frozen=True)
class Panel:
    """A run's place in `draw_side_by_side`.

    Attributes:
        title: What makes the run different.
        picture: uint8 (H, W) or (H, W, 3); None if the run has none.
        note: Shown instead of a picture.
    """

    title: str
    picture: NDArray[np.uint8] | None = None
    note: str = ""


@with_defaults
def draw_side_by_side(rows: Sequence[Sequence[Panel | None]]) -> bytes:
    """Return pictures in rows and columns, each below its title, as the bytes of a PNG file.

    Args:
        rows: Of equal length; None leaves a place empty.
    """
    side, gap = 3.0, 0.1  # inches
    across = side * min(2.0, max(1.0, *(_aspect(panel) for row in rows for panel in row)))
    columns = len(rows[0])
    wrapped = [
        [
            textwrap.wrap(panel.title, int(12 * across), break_on_hyphens=False)[:6] if panel else []
            for panel in row
        ]
        for row in rows
    ]
    heights = [0.2 * max(map(len, row)) + 0.12 for row in wrapped]
    height = sum(heights) + len(rows) * (side + gap) + gap
    width = columns * (across + gap) + gap
    figure = figure_of((width, height))
    top = height
    for row, titles, title_height in zip(rows, wrapped, heights, strict=True):
        top -= title_height + side
        for column, (panel, lines) in enumerate(zip(row, titles, strict=True)):
            if panel is None:
                continue
            left = gap + column * (across + gap)
            axes = figure.add_axes((left / width, top / height, across / width, side / height))
            _show(axes, panel)
            axes.set_title("\n".join(lines), fontsize=10, pad=4, parse_math=False)
        top -= gap
    return png_of(figure, dpi=110)


def _aspect(panel: Panel | None) -> float:
    """Return a picture's width relative to its height; 1 without one."""
    return 1.0 if panel is None or panel.picture is None else panel.picture.shape[1] / panel.picture.shape[0]


def _show(axes: "Axes", panel: Panel) -> None:
    axes.set(xticks=[], yticks=[])
    if panel.picture is not None:
        axes.imshow(panel.picture, cmap="gray", vmin=0, vmax=255)
        axes.axis("off")
        return
    axes.set_facecolor("0.95")
    note = "\n".join(textwrap.wrap(panel.note, 34)[:10])
    axes.text(
        0.5, 0.5, note, ha="center", va="center", fontsize=9, parse_math=False, transform=axes.transAxes
    )


@with_defaults
def draw_setting_curves(
    settings: Sequence[tuple[str, Sequence[History]]], figures: Sequence[Figure] = NOTEBOOK_FIGURES
) -> bytes:
    """Return curves over epochs as the bytes of a PNG file: a colour a setting, a band from seed to seed.

    Lines are medians over the seeds of running means over 1/25 of the iterations; bands go from the smallest
    seed to the largest.

    Args:
        settings: Label and, for each seed, the figures by name and ``epochs`` (how much is done after each
            iteration), each (iterations,); and, if the run was scored, ``score`` and ``score_epochs``,
            each (times,).
        figures: What to draw; what a run has not measured is left out.
    """
    import matplotlib

    has_score = any("score" in history for _, histories in settings for history in histories)
    labels = [label for label, _ in settings]
    columns, legend_rows = _legend_shape(labels)
    rows = -(-len(figures) // 2) + has_score
    figure = figure_of((14, 1.5 + 3.5 * rows + LEGEND_ROW * (legend_rows - 1)))
    grid = figure.add_gridspec(rows, 2)
    colours = matplotlib.colormaps["tab10" if len(settings) <= 10 else "tab20"].colors  # type: ignore[attr-defined]
    for index, measured in enumerate(figures):
        axes = figure.add_subplot(grid[index // 2, index % 2])
        for number, (_, histories) in enumerate(settings):
            curves = [_smooth(history, measured.name) for history in histories if measured.name in history]
            _draw_spread(axes, curves, colours[number % len(colours)])
        axes.set_title(measured.name, parse_math=False)
        axes.set_ylabel(measured.unit, parse_math=False)
        axes.set_xlabel("epochs trained")
        if measured.is_share:
            axes.set_ylim(-0.02, 1.02)
        # Curves begin at 0: an epoch that is not over yet has its place between two ticks.
        count_in_whole_numbers(axes, np.array([0.0, 1.0]))
        axes.set_xlim(left=0)
    if has_score:
        _draw_scores(figure.add_subplot(grid[rows - 1, :]), settings, colours)
    for axes in figure.axes:
        axes.grid(alpha=0.3)
    _add_legend(figure, labels, columns, legend_rows)
    return png_of(figure)


@with_defaults
def draw_quality(settings: Sequence[tuple[str, Sequence[History]]]) -> bytes:
    """Return Fréchet distances over the time of training as the bytes of a PNG file: a colour a setting.

    Args:
        settings: Label and, for each seed that was scored, ``score`` and ``score_minutes``, each (times,).
    """
    from matplotlib.ticker import LogLocator

    height = 5 + LEGEND_ROW * len(settings)
    figure = figure_of((9, height))
    axes = figure.add_subplot()
    for number, (_, histories) in enumerate(settings):
        for history in histories:
            minutes, distances = history["score_minutes"], history["score"]
            axes.plot(minutes, distances, "o-", color=f"C{number % 10}", markersize=4)
    axes.set(xscale="log", yscale="log", xlabel="minutes of training")
    axes.set_ylabel("Fréchet distance to real images (0 is best)")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter("{x:g}")
        axis.set_minor_locator(LogLocator(subs=(2.0, 5.0)))
        axis.set_minor_formatter("{x:g}")
    axes.grid(alpha=0.3, which="both")
    lines = [axes.plot([], [], "o-", color=f"C{number % 10}")[0] for number in range(len(settings))]
    legend = figure.legend(lines, ["-"] * len(lines), loc="upper left", frameon=False)
    for text, (label, _) in zip(legend.get_texts(), settings, strict=True):
        text.set(text=_short(label), parse_math=False)
    figure.subplots_adjust(
        left=0.08, right=0.98, bottom=0.6 / height, top=1 - (LEGEND_ROW * len(settings) + 0.3) / height
    )
    return png_of(figure)


def _draw_scores(
    axes: "Axes", settings: Sequence[tuple[str, Sequence[History]]], colours: Sequence[str]
) -> None:
    """Draw the scores over the epochs; if no run was scored twice, each run's beside the median."""
    title = "Fréchet distance to real images (0 is best)"
    scored = [
        [(history["score_epochs"], history["score"]) for history in histories if "score" in history]
        for _, histories in settings
    ]
    epochs = np.concatenate([x for curves in scored for x, _ in curves])
    if max(len(x) for curves in scored for x, _ in curves) > 1:
        for number, curves in enumerate(scored):
            _draw_spread(axes, curves, colours[number % len(colours)], marker="o")
        axes.set(title=title, xlabel="epoch", ylabel="distance")
        axes.margins(x=0.01)
        count_in_whole_numbers(axes, epochs)
        return
    for number, curves in enumerate(scored):
        values = np.array([y[-1] for _, y in curves])
        colour = colours[number % len(colours)]
        axes.plot(np.full(len(values), number), values, "o", color=colour, alpha=0.5)
        if len(values) > 1:
            axes.vlines(number, values.min(), values.max(), color=colour, linewidth=1.4)
            half = 0.02 * len(settings)
            axes.hlines(np.median(values), number - half, number + half, color=colour, linewidth=3)
    moments = sorted({*epochs.tolist()})
    moment = f"epoch {moments[0]:g}" if len(moments) == 1 else "the epoch that was scored"
    axes.set(title=f"{title}, after {moment}: each run, range and median over the seeds", ylabel="distance")
    axes.set(xlim=(-0.5, len(settings) - 0.5), xticks=[])
    axes.margins(y=0.15)
    axes.set_ylim(bottom=0)


def _smooth(history: History, name: str) -> Curve:
    """Return epochs and the figure's running means, without what is not finite."""
    values, epochs = history[name], history["epochs"]
    is_finite = np.isfinite(values)
    values, epochs = values[is_finite], epochs[is_finite]
    window = max(1, len(values) // 25)
    return (running_mean(epochs, window), running_mean(values, window)) if len(values) else (epochs, values)


def _draw_spread(
    axes: "Axes",
    curves: Sequence[Curve],
    colour: str,
    marker: str = "",
) -> None:
    """Draw median and range of curves that may have points at other places and other ends."""
    curves = [curve for curve in curves if len(curve[0])]
    if not curves:
        axes.plot([], [], color=colour)
        return
    longest = max((x for x, _ in curves), key=lambda x: x[-1])
    points = longest if len(longest) <= POINTS else np.linspace(longest[0], longest[-1], POINTS)
    table = np.array([np.interp(points, x, y, left=np.nan, right=np.nan) for x, y in curves])
    is_there = np.isfinite(table).any(axis=0)
    points, table = points[is_there], table[:, is_there]
    if len(curves) > 1:
        low, high = np.nanmin(table, axis=0), np.nanmax(table, axis=0)
        if len(points) == 1:
            axes.vlines(points, low, high, color=colour, linewidth=1.4)
        axes.fill_between(points, low, high, color=colour, alpha=0.18, linewidth=0)
    axes.plot(points, np.nanmedian(table, axis=0), color=colour, linewidth=1.4, marker=marker)


def _short(label: str) -> str:
    line = " ".join(label.split())
    return line if len(line) <= 90 else f"{line[:86].rstrip()} ..."


def _legend_shape(labels: Sequence[str]) -> tuple[int, int]:
    """Return in how many columns and rows the legend has its labels."""
    widest = max(len(_short(label)) for label in labels)
    columns = max(1, min(len(labels), 150 // (widest + 8)))
    return columns, -(-len(labels) // columns)


def _add_legend(figure: "Plot", labels: Sequence[str], columns: int, rows: int) -> None:
    """Put one legend for all panels above them; a label may hold any sign, also ``$`` or ``_`` in front."""
    height = figure.get_figheight()
    lines = figure.axes[0].get_lines()
    placeholders = ["-"] * len(lines)
    legend = figure.legend(lines, placeholders, loc="upper center", ncols=columns, fontsize=10, frameon=False)
    for text, label in zip(legend.get_texts(), labels, strict=True):
        text.set(text=_short(label), parse_math=False)
    top = 1 - (LEGEND_ROW * rows + 0.6) / height
    figure.subplots_adjust(left=0.055, right=0.985, bottom=0.6 / height, top=top, hspace=0.38, wspace=0.14)
