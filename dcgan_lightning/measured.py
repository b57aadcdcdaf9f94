"""What a system measures in every iteration, and the file in which a run keeps that."""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from dcgan_lightning.errors import RunFolderError
from dcgan_lightning.run_files import read_json

FIGURES_FILE = Path("history", "figures.json")


@dataclass(frozen=True)
class Figure:
    """A number that a system measures in every iteration.

    Attributes:
        name: Names its column in history.csv and its curve.
        panel: Title of the plot that it shares with the figures of the same panel.
        unit: Label of that plot's axis.
        short: Name where there is little room.
        digits: Decimals that are printed.
        is_share: Whether it is between 0 and 1.
        tone: Its colour: warm for a generator, cool for a discriminator and for real images.
    """

    name: str
    panel: str
    unit: str
    short: str
    digits: int = 3
    is_share: bool = False
    tone: Literal["warm", "cool"] | None = None


def _loss(name: str, short: str, tone: Literal["warm", "cool"]) -> Figure:
    return Figure(name, "Model loss", "loss (nats)", short, tone=tone)


def _accuracy(name: str, short: str, tone: Literal["warm", "cool"]) -> Figure:
    panel, unit = "Discriminator accuracy", "accuracy (share of images)"
    return Figure(name, panel, unit, short, digits=2, is_share=True, tone=tone)


NOTEBOOK_FIGURES = (
    _loss("gen_loss", "gen", "warm"),
    _loss("disc_loss", "disc", "cool"),
    _accuracy("real_accuracy", "real", "cool"),
    _accuracy("fake_accuracy", "fake", "warm"),
)


def panels_of(figures: Sequence[Figure]) -> dict[str, list[Figure]]:
    """Return the figures of each plot by the plot's title."""
    titles = dict.fromkeys(figure.panel for figure in figures)
    return {title: [figure for figure in figures if figure.panel == title] for title in titles}


def encode_figures(figures: Sequence[Figure]) -> bytes:
    """Return the content of `FIGURES_FILE`."""
    return f"{json.dumps([dataclasses.asdict(figure) for figure in figures], indent=2)}\n".encode()


def read_figures(folder: Path) -> tuple[Figure, ...]:
    """Return what a run has measured; the notebook's figures if it does not say.

    Args:
        folder: The run's.

    Raises:
        RunFolderError: The file is damaged.
    """
    path = folder / FIGURES_FILE
    try:
        return tuple(_checked(Figure(**values)) for values in read_json(path))
    except FileNotFoundError:
        return NOTEBOOK_FIGURES
    except (TypeError, ValueError, RunFolderError) as error:
        reason = error.__cause__ if isinstance(error, RunFolderError) else error
        raise RunFolderError(f"{path} is damaged ({reason}); delete it") from error


def _checked(figure: Figure) -> Figure:
    """Refuse values of other types than the class has.

    Raises:
        ValueError: Names the value.
    """
    texts = (figure.name, figure.panel, figure.unit, figure.short)
    if not all(isinstance(text, str) and text for text in texts):
        raise ValueError(f"not a text: {texts}")
    if type(figure.digits) is not int or not 0 <= figure.digits <= 9 or type(figure.is_share) is not bool:
        raise ValueError(f"digits={figure.digits!r}, is_share={figure.is_share!r}")
    if figure.tone not in ("warm", "cool", None):
        raise ValueError(f"tone={figure.tone!r}")
    return figure
