"""Medians, paired ratios and tables."""

import statistics
from collections.abc import Iterable, Mapping, Sequence


def spread(values: Iterable[float], digits: int = 4) -> dict[str, float]:
    """Return median, smallest and largest, rounded."""
    numbers = list(values)
    figures = {"median": statistics.median(numbers), "smallest": min(numbers), "largest": max(numbers)}
    return {name: round(number, digits) for name, number in figures.items()}


def paired_ratios(values: Mapping[int, float], references: Mapping[int, float]) -> list[float]:
    """Return value / reference for each round that has both."""
    return [values[number] / references[number] for number in sorted(values.keys() & references.keys())]


def describe(figures: Mapping[str, float] | None, digits: int) -> str:
    """Return a spread as text: the median, with smallest and largest in brackets where they differ."""
    if figures is None:
        return ""
    median, smallest, largest = (f"{figures[name]:,.{digits}f}" for name in ("median", "smallest", "largest"))
    return median if smallest == largest else f"{median} ({smallest} to {largest})"


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; all columns but the first are aligned to the right.

    Raises:
        ValueError: A row has not as many cells as the header.
    """
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    if any(len(line) != len(header) for line in lines):
        raise ValueError(f"every row must have {len(header)} cells")
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
