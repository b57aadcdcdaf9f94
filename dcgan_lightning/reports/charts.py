"""Curves over the training as charts for the page."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from dcgan_lightning.reports.rendering import render

Bin = tuple[float, float, float, float]  # position of the middle, mean, smallest, largest value

POINTS = 120  # of a curve at most
_WIDTH, _HEIGHT = 1000, 300  # the SVG's own units; the page stretches them


@dataclass(frozen=True)
class Curve:
    """One curve of a chart.

    Attributes:
        title: For the legend.
        style: Its class in the style sheet.
        values: (iterations,).
    """

    title: str
    style: str
    values: NDArray[np.floating]


def draw_chart(curves: Sequence[Curve], iterations_per_epoch: int, percent: bool = False) -> Markup:
    """Return curves over the training as HTML: means of neighbouring iterations, in a band of their extremes.

    Args:
        curves: Of one length, >= 1.
        iterations_per_epoch: For the axis, which counts epochs if there are two or more.
        percent: Whether the values are shares, drawn from 0 to 100 %.
    """
    count = len(curves[0].values)
    parts = [bins(curve.values) for curve in curves]
    return _chart(curves, parts, count, _x_ticks(count, iterations_per_epoch), percent, follows_slider=True)


def draw_points(curve: Curve, epochs: NDArray[np.floating]) -> Markup:
    """Return values that were measured after some epochs as a chart, in HTML.

    Args:
        curve: With N values, >= 1.
        epochs: (N,), from 1.
    """
    last = float(epochs.max())
    points = [
        (epoch - 1, value, value, value)  # counted from 0, as iterations are
        for epoch, value in zip(epochs.tolist(), curve.values.tolist(), strict=True)
        if math.isfinite(value)
    ]
    x_ticks = [(tick / last, f"{tick:.0f}") for tick in ticks(last, 6) if tick == int(tick)]
    return _chart([curve], [points], last, (x_ticks, "epoch"), percent=False)


def _chart(
    curves: Sequence[Curve],
    parts: Sequence[Sequence[Bin]],
    count: float,
    x_axis: tuple[list[tuple[float, str]], str],
    percent: bool,
    follows_slider: bool = False,
) -> Markup:
    """Return the legend, the SVG and the axes' words."""
    top = 1.0 if percent else _top([mean for part in parts for _, mean, _, _ in part])
    y_ticks = [0.0, 0.25, 0.5, 0.75, 1.0] if percent else ticks(top, 5)
    x_ticks, unit = x_axis
    return render(
        "chart.html",
        width=_WIDTH,
        height=_HEIGHT,
        curves=[
            {
                "title": curve.title,
                "style": curve.style,
                "latest": _format(part[-1][1], percent) if part else "",
                "summary": _summary(curve.title, part, percent),
                "band": _band(part, count, top),
                "line": _line(part, count, top),
            }
            for curve, part in zip(curves, parts, strict=True)
        ],
        y_ticks=[
            {
                "place": 100 * tick / top,
                "y": _y(tick, top),
                "text": f"{tick:.0%}" if percent else f"{tick:g}",
            }
            for tick in y_ticks
        ],
        x_ticks=x_ticks,
        unit=unit,
        follows_slider=follows_slider,
    )


def bins(values: NDArray[np.floating], points: int = POINTS) -> list[Bin]:
    """Return (middle, mean, smallest, largest) of at most ``points`` runs of neighbours.

    Args:
        values: (N,); values that are not finite are skipped.
        points: >= 1.

    Returns:
        Middles are positions in ``values``.
    """
    edges = np.linspace(0, len(values), min(points, len(values)) + 1).round().astype(int)
    result = []
    for start, stop in itertools.pairwise(edges.tolist()):
        part = values[start:stop]
        part = part[np.isfinite(part)]
        if len(part):
            middle = (start + stop - 1) / 2
            result.append((middle, float(part.mean()), float(part.min()), float(part.max())))
    return result


def ticks(top: float, most: int) -> Iterator[float]:
    """Yield 0 and the multiples of a round number (1, 2 or 5 times a power of ten) up to ``top``.

    Args:
        top: > 0.
        most: Ticks after 0 at most, >= 1.
    """
    step = 10 ** math.floor(math.log10(top / most))
    step *= next(factor for factor in (1, 2, 5, 10) if factor * step * most >= top * (1 - 1e-9))
    for number in range(int(top / step + 1e-9) + 1):
        yield round(number * step, 10)


def _top(means: Sequence[float]) -> float:
    """Return the upper end of an axis: a bit above the means; single spikes are cut."""
    highest = max(means, default=1.0)
    return 1.08 * highest if highest > 0 else 1.0


def _x_ticks(count: int, iterations_per_epoch: int) -> tuple[list[tuple[float, str]], str]:
    """Return the axis's (place in [0, 1], text) and what it counts."""
    epochs = count / iterations_per_epoch
    if epochs < 2:
        return [(tick / count, f"{tick:,.0f}") for tick in ticks(count, 5) if tick == int(tick)], "iteration"
    return [(tick / epochs, f"{tick:.0f}") for tick in ticks(epochs, 6) if tick == int(tick)], "epoch"


def _x(middle: float, count: float) -> str:
    """Return the place of a position: the first iteration is at 1, an epoch's last at the epoch's end."""
    return f"{_WIDTH * (middle + 1) / count:.1f}".removesuffix(".0")


def _y(value: float, top: float) -> str:
    return f"{_HEIGHT * (1 - value / top):.1f}".removesuffix(".0")


def _line(part: Sequence[Bin], count: float, top: float) -> str:
    """Return the SVG path through the means."""
    points = [f"{_x(middle, count)} {_y(mean, top)}" for middle, mean, _, _ in part]
    if len(points) == 1:
        points *= 2  # a line of no length is drawn as a dot
    return f"M{'L'.join(points)}" if points else ""


def _band(part: Sequence[Bin], count: float, top: float) -> str:
    """Return the SVG path round the extremes."""
    upper = [f"{_x(middle, count)} {_y(largest, top)}" for middle, _, _, largest in part]
    lower = [f"{_x(middle, count)} {_y(smallest, top)}" for middle, _, smallest, _ in reversed(part)]
    return f"M{'L'.join(upper + lower)}Z" if part else ""


def _summary(title: str, part: Sequence[Bin], percent: bool) -> str:
    if not part:
        return f"{title}: no numbers"
    return f"{title}: from {_format(part[0][1], percent)} to {_format(part[-1][1], percent)}"


def _format(value: float, percent: bool) -> str:
    if percent:
        return f"{value:.0%}"
    if 0 < abs(value) < 0.1:
        return np.format_float_positional(value, precision=2, fractional=False, trim="-")
    return f"{value:.2f}"
