"""Scores of several sampling seeds as mean and spread, and as a table beside their anchors."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from dcgan_lightning.config.data import CLASS_NAMES

# Each score that is one number, in the order of the tables, and how to read it.
SCORES = {
    "frechet_distance": "0 is best",
    "kernel_distance": "0 is best",
    "kernel_spread": "",
    "precision": "1 is best",
    "recall": "1 is best",
    "density": "1 is real",
    "coverage": "1 is best",
    "class_divergence": "0 is even",
    "confidence": "",
    "feature_newness": "1 is real",
    "feature_copies": "0.01 is real",
    "pixel_newness": "1 is real",
    "pixel_copies": "0.01 is real",
}


def summarize(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the mean and the spread of several calls of `score_images`.

    Args:
        runs: Scores of at least one set of images.

    Returns:
        ``mean`` and ``spread`` (standard deviation between the sets, None for a single one) of each score
        that they hold, and of the ``class_histogram``.
    """

    def spread(values: Sequence[float]) -> float | None:
        return statistics.stdev(values) if len(values) > 1 else None

    names = [name for name in SCORES if name in runs[0]]
    columns = {name: [run[name] for run in runs] for name in names}
    summary: dict[str, dict[str, Any]] = {
        "mean": {name: statistics.fmean(values) for name, values in columns.items()},
        "spread": {name: spread(values) for name, values in columns.items()},
    }
    if "class_histogram" in runs[0]:
        shares = {name: [run["class_histogram"][name] for run in runs] for name in CLASS_NAMES}
        summary["mean"]["class_histogram"] = {
            name: statistics.fmean(values) for name, values in shares.items()
        }
        summary["spread"]["class_histogram"] = {name: spread(values) for name, values in shares.items()}
    return summary


def format_table(
    summary: Mapping[str, Mapping[str, Any]], anchors: Mapping[str, Mapping[str, Any]] | None
) -> str:
    """Return a table for the terminal: each score, how to read it, and the same score of each anchor.

    Args:
        summary: From `summarize`.
        anchors: Name to scores, or None.
    """
    anchors = anchors or {}
    rows = [["score", "", "this model", *anchors]]
    for name in SCORES:
        if name in summary["mean"]:
            spread = summary["spread"][name]
            value = format_number(summary["mean"][name])
            value += "" if spread is None else f" +/- {format_number(spread)}"
            rows.append([name, SCORES[name], value, *(format_number(a[name]) for a in anchors.values())])
    return align(rows)


def format_comparison(
    found: Mapping[str, Mapping[str, Any]], shipped: Mapping[str, Mapping[str, Any]] | None
) -> str:
    """Return anchors computed anew as a table, each score with its shipped value in brackets."""
    rows = [["score", "", *found]]
    for name, reading in SCORES.items():
        cells = [
            format_number(scores[name]) + (f" ({format_number(shipped[anchor][name])})" if shipped else "")
            for anchor, scores in found.items()
        ]
        rows.append([name, reading, *cells])
    return align(rows)


def format_classes(shares: Mapping[str, float]) -> str:
    """Return a class histogram in a line, the most frequent class first."""
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {100 * share:.1f} %" for name, share in ordered)


def format_number(value: float) -> str:
    """Return a score with 4 digits, and not more than 5 after the point."""
    digits = next((digits for digits in range(4) if abs(value) >= 10 ** (3 - digits)), 4)
    return f"{value:.{digits}f}" if abs(value) >= 0.01 or value == 0 else f"{value:.5f}"


def align(rows: Sequence[Sequence[str]]) -> str:
    """Return rows of equal length as lines, each column as wide as its widest cell."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index < 2 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
