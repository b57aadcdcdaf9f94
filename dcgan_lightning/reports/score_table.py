"""Scores as a table, each beside its anchors, with a bar that shows where it lies between them."""

from collections.abc import Mapping
from html import escape

import numpy as np

from dcgan_lightning.config.data import class_title
from dcgan_lightning.reports import elements
from dcgan_lightning.reports.scores import ANCHOR_TITLES, FLOOR, Score, Scores

_ROOM = 0.94  # share of a bar between its ends' places


def name_scores(file: Scores) -> str:
    """Return what a score file is called on the page."""
    return f"Checkpoint {file.title.replace('_', ' ')}"


def draw_scores(file: Scores) -> str:
    """Return a score file as HTML: the table, the classes, and what it says of itself."""
    known = {anchor for score in file.scores for anchor in score.anchors}
    anchors = [name for name in ANCHOR_TITLES if name in known]
    head = ["Score", "This run", *(ANCHOR_TITLES[name] for name in anchors)]
    rows = [
        [
            f"{escape(score.meaning.title)}<small>{escape(_direction(score))}</small>",
            f"<b>{format_score(score.value)}</b>{_spread(score)}{_bar(score)}",
            *(format_score(score.anchors[name]) if name in score.anchors else "" for name in anchors),
        ]
        for score in file.scores
    ]
    numbers = range(2, 2 + len(anchors))
    content = elements.scrolling(f"Scores of {file.title}", elements.table(head, rows, numbers), "stacked")
    if file.classes:
        content += "<h3>Garments by class</h3>" + _classes(file)
    return content + elements.facts(dict(file.facts))


def _direction(score: Score) -> str:
    better = f"; {score.meaning.better} is better" if score.meaning.better else ""
    return f"{score.meaning.text}{better}"


def _bar(score: Score) -> str:
    """Return the run's dot among the anchors' marks; the better end is on the left."""
    place = score.place(score.value)
    places = {name: mark for name, value in score.anchors.items() if (mark := score.place(value)) is not None}
    if place is None or not score.meaning.better:
        return ""
    low, high = min(places.values()), max(places.values())
    marks = "".join(
        f'<i{" class=real" if name == FLOOR else ""} style="left:{_percent(mark)}" '
        f'title="{escape(ANCHOR_TITLES.get(name, name))}"></i>'
        for name, mark in places.items()
    )
    span = f'<s style="left:{_percent(low)};width:{100 * _ROOM * (high - low):.1f}%"></s>'
    dot = f'<b style="left:{_percent(place)}"></b>'
    label = escape(_position(place, places))
    return f'<div class="bar" role="img" aria-label="{label}">{span}{marks}{dot}</div>'


def _percent(place: float) -> str:
    """Return a place on the axis as one on the bar, which leaves room for the dot at both ends."""
    return f"{100 * (_ROOM * place + (1 - _ROOM) / 2):.1f}%"


def _position(place: float, anchors: Mapping[str, float]) -> str:
    """Return between which anchors a place lies, in words."""
    ordered = sorted(anchors, key=lambda name: anchors[name])
    parts = [("worse than", [name for name in ordered if anchors[name] < place][-1:])]
    parts += [("like", [name for name in ordered if anchors[name] == place])]
    parts += [("better than", [name for name in ordered if anchors[name] > place][:1])]
    return ", ".join(
        f"{word} {' and '.join(ANCHOR_TITLES.get(name, name) for name in names)}"
        for word, names in parts
        if names
    )


def _classes(file: Scores) -> str:
    largest = max(*file.classes.values(), 1e-9)
    rows = "".join(
        f"<dt>{escape(class_title(name))}</dt><dd>"
        f'<span class="track" style="background-size:{100 * share / largest:.1f}% 100%"></span>'
        f'<span class="share">{share:.1%}</span></dd>'
        for name, share in file.classes.items()
    )
    return f'<dl class="classes">{rows}</dl>'


def format_score(value: float, digits: int = 3) -> str:
    """Return a score with a few significant digits, never with an exponent."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return np.format_float_positional(value, precision=digits, fractional=False, trim="-")


def _spread(score: Score) -> str:
    return f" ± {format_score(score.spread, digits=2)}" if score.spread is not None else ""
