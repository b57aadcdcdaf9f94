"""Mean and spread of the scores of several sampling seeds, and tables of scores and anchors."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from dcgan_lightning.core.durations import format_position
from dcgan_lightning.evaluation.fashion_mnist.anchors import ANCHOR_COUNT, ANCHORS

# Scalar scores in the order of the tables, and their interpretation.
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
    "class_accuracy": "1 is best",
    "class_frechet": "0 is best",
    "classification_accuracy_score": "1 is best",
    "feature_newness": "1 is real",
    "feature_copies": "0.01 is real",
    "pixel_newness": "1 is real",
    "pixel_copies": "0.01 is real",
}

# Scores of intended classes for real images.
REAL = {
    "class_accuracy": "of the test images: the ceiling",
    "class_frechet": "of as many training images of the same classes: the floor",
    "classification_accuracy_score": "trained on as many training images: the ceiling",
}
BY_CLASS = ("class_histogram", "class_accuracies")  # scores with one value per class


def summarize(runs: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return the mean and the spread of several calls of `score_images`.

    Args:
        runs: Scores of at least one set of images.

    Returns:
        ``mean`` and ``spread`` (standard deviation between the sets, None for a single set) of each score in
        the runs, and of each class in ``class_histogram`` and ``class_accuracies``.
    """

    def spread(values: Sequence[float]) -> float | None:
        return statistics.stdev(values) if len(values) > 1 else None

    names = [name for name in SCORES if name in runs[0]]
    columns = {name: [run[name] for run in runs] for name in names}
    summary: dict[str, dict[str, Any]] = {
        "mean": {name: statistics.fmean(values) for name, values in columns.items()},
        "spread": {name: spread(values) for name, values in columns.items()},
    }
    for by_class in BY_CLASS:
        if by_class in runs[0]:
            shares = {name: [run[by_class][name] for run in runs] for name in runs[0][by_class]}
            summary["mean"][by_class] = {name: statistics.fmean(values) for name, values in shares.items()}
            summary["spread"][by_class] = {name: spread(values) for name, values in shares.items()}
    return summary


def format_report(report: Mapping[str, Any], label: str) -> str:
    """Return a report of `dcgan_lightning.evaluate` as text for the terminal.

    Args:
        report: As written to its JSON file.
        label: The feature network's name.
    """
    averaged = ", averaged generator" if report["averaged"] else ""
    seeds = ", ".join(map(str, report["seeds"]))
    parts = [
        f"{report['checkpoint']}, after {format_position(report['epochs'], report['iterations'])}{averaged}: "
        f"{report['count']:,} images for each of the sampling seeds {seeds},\n"
        f"against {report['reference']}, seen through {label}",
        format_table(report, report["anchors"]),
    ]
    if histogram := report["mean"].get("class_histogram"):
        parts.append(f"classes: {format_classes(histogram)}")
    if accuracies := report["mean"].get("class_accuracies"):
        parts.append(f"class_accuracy by class: {format_classes(accuracies)}")
    real = report["real_images"]
    if lines := [f"  {name:<29}  {format_number(real[name])}  {REAL[name]}" for name in REAL if name in real]:
        parts.append("\n".join(["real images:", *lines]))
    if "class_accuracies" in real:
        parts[-1] += f"\n  class_accuracy by class: {format_classes(real['class_accuracies'])}"
    if report["anchors"] is None:
        parts.append(f"no anchors are shipped for {label} with these images")
    else:
        meanings = [f"  {name:<14} {ANCHORS[name]}" for name in report["anchors"] if name in ANCHORS]
        count = report.get("anchor_count", ANCHOR_COUNT)
        parts.append("\n".join([f"anchors, {count:,} images each:", *meanings]))
    return "\n\n".join(parts)


def format_table(
    summary: Mapping[str, Mapping[str, Any]], anchors: Mapping[str, Mapping[str, Any]] | None
) -> str:
    """Return a table for the terminal: each score, its interpretation, and the anchors' scores.

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
            cells = [format_number(a[name]) if name in a else "" for a in anchors.values()]
            rows.append([name, SCORES[name], value, *cells])
    return align(rows)


def format_comparison(
    found: Mapping[str, Mapping[str, Any]], shipped: Mapping[str, Mapping[str, Any]] | None
) -> str:
    """Return a table of recomputed anchors, each score with its shipped value in brackets."""
    rows = [["score", "", *found]]
    for name, reading in SCORES.items():
        cells = []
        for anchor, scores in found.items():
            known = (shipped or {}).get(anchor, {})
            cell = format_number(scores[name]) if name in scores else ""
            cells.append(f"{cell} ({format_number(known[name])})" if cell and name in known else cell)
        if any(cells):
            rows.append([name, reading, *cells])
    return align(rows)


def format_classes(shares: Mapping[str, float]) -> str:
    """Return a share for each class in a line, the largest first."""
    ordered = sorted(shares.items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {100 * share:.1f} %" for name, share in ordered)


def format_number(value: float) -> str:
    """Return a score with 4 significant digits and at most 5 decimals."""
    digits = next((digits for digits in range(4) if abs(value) >= 10 ** (3 - digits)), 4)
    return f"{value:.{digits}f}" if abs(value) >= 0.01 or value == 0 else f"{value:.5f}"


def align(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines of text with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if index < 2 else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    )
