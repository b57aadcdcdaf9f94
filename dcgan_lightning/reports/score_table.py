"""Scores as a table, each beside its anchors, with a bar that shows where it lies between them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from dcgan_lightning.config.data import class_title
from dcgan_lightning.reports.rendering import render
from dcgan_lightning.reports.scores import ANCHOR_TITLES, FLOOR, Score, Scores, anchor_title, in_order

_ROOM = 0.94  # share of a bar between its ends' places


def name_scores(file: Scores) -> str:
    """Return a score file's title on the page."""
    return f"Checkpoint {file.title.replace('_', ' ')}"


def draw_scores(file: Scores) -> Markup:
    """Return a score file as HTML: the table, the classes, and facts."""
    known = dict.fromkeys(anchor for score in file.scores for anchor in score.anchors)
    anchors = in_order(known, ANCHOR_TITLES)
    largest = max(*file.classes.values(), 1e-9) if file.classes else 1.0
    return render(
        "score_table.html",
        file=file,
        anchors=[anchor_title(name) for name in anchors],
        rows=[_row(score, anchors) for score in file.scores],
        classes=[
            (class_title(name), f"{100 * share / largest:.1f}%", f"{share:.1%}")
            for name, share in file.classes.items()
        ],
    )


def _row(score: Score, anchors: Sequence[str]) -> dict[str, Any]:
    """Return what the table shows of a score."""
    better = f"{score.meaning.better} is better" if score.meaning.better else ""
    return {
        "title": score.meaning.title,
        "about": "; ".join(filter(None, (score.meaning.text, better))),
        "value": format_score(score.value),
        "spread": f" ± {format_score(score.spread, digits=2)}" if score.spread is not None else "",
        "bar": _bar(score),
        "anchors": [format_score(score.anchors[name]) if name in score.anchors else "" for name in anchors],
    }


def _bar(score: Score) -> dict[str, Any] | None:
    """Return where the run's dot and the anchors' marks are; the better end is on the left."""
    place = score.place(score.value)
    places = {name: mark for name, value in score.anchors.items() if (mark := score.place(value)) is not None}
    if place is None or not score.meaning.better:
        return None
    low, high = min(places.values()), max(places.values())
    return {
        "label": _position(place, places),
        "left": _percent(low),
        "width": f"{100 * _ROOM * (high - low):.1f}%",
        "marks": [
            {"left": _percent(mark), "title": anchor_title(name), "is_real": name == FLOOR}
            for name, mark in places.items()
        ],
        "dot": _percent(place),
    }


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
        f"{word} {' and '.join(anchor_title(name) for name in names)}" for word, names in parts if names
    )


def format_score(value: float, digits: int = 3) -> str:
    """Return a score with a few significant digits, never with an exponent."""
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return np.format_float_positional(value, precision=digits, fractional=False, trim="-")
