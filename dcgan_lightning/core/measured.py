"""The figures a system measures in every iteration, and the file that describes them."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

FIGURES_FILE = Path("history", "figures.json")


@dataclass(frozen=True)
class Figure:
    """A number that a system measures in every iteration.

    Attributes:
        name: Names its column in history.csv and its curve.
        panel: Title of the plot that it shares with the figures of the same panel.
        unit: Label of that plot's axis.
        short: Name where there is little room.
        label: Name for a legend.
        digits: Decimals that are printed.
        is_share: Whether it is between 0 and 1.
        tone: Its colour: warm for a generator, cool for a discriminator and for real images.
    """

    name: str
    panel: str
    unit: str
    short: str
    label: str
    digits: int = 3
    is_share: bool = False
    tone: Literal["warm", "cool"] | None = None


LOSS = ("Model loss", "loss (nats)")
ACCURACY = ("Discriminator accuracy", "accuracy (share of images)")
NOTEBOOK_FIGURES = (
    Figure("gen_loss", *LOSS, "gen", "Generator", tone="warm"),
    Figure("disc_loss", *LOSS, "disc", "Discriminator", tone="cool"),
    Figure("real_accuracy", *ACCURACY, "real", "Real images", 2, is_share=True, tone="cool"),
    Figure("fake_accuracy", *ACCURACY, "fake", "Generated images", 2, is_share=True, tone="warm"),
)


def panels_of(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    """Return the figures of each plot by the plot's title."""
    titles = dict.fromkeys(figure.panel for figure in figures)
    return {title: [figure for figure in figures if figure.panel == title] for title in titles}


def encode_figures(figures: Sequence[Figure]) -> bytes:
    """Return the content of `FIGURES_FILE`."""
    return f"{json.dumps([dataclasses.asdict(figure) for figure in figures], indent=2)}\n".encode()


def decode_figures(values: Any) -> tuple[Figure, ...]:
    """Return the figures that `encode_figures` has written.

    Args:
        values: The content, as JSON has it.

    Raises:
        ValueError: It is invalid.
    """
    try:
        figures = tuple(Figure(**value) for value in values)
    except TypeError as error:
        raise ValueError(str(error)) from error
    for figure in figures:
        _check(figure)
    return figures


def _check(figure: Figure) -> None:
    texts = (figure.name, figure.panel, figure.unit, figure.short, figure.label)
    if not all(isinstance(text, str) and text for text in texts):
        raise ValueError(f"not a text: {texts}")
    if type(figure.digits) is not int or not 0 <= figure.digits <= 9 or type(figure.is_share) is not bool:
        raise ValueError(f"digits={figure.digits!r}, is_share={figure.is_share!r}")
    if figure.tone not in ("warm", "cool", None):
        raise ValueError(f"tone={figure.tone!r}")
