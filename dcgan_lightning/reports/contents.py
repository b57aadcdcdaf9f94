"""What the report's templates show of a run, worked out from its material."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from dcgan_lightning.core import shell
from dcgan_lightning.core.measured import Figure, panels_of
from dcgan_lightning.reports import charts
from dcgan_lightning.reports.embedded import data_uri
from dcgan_lightning.reports.material import Material
from dcgan_lightning.reports.scores import MEANINGS, Meaning, in_order, meaning_of
from dcgan_lightning.runs.run import POSITION

_ABOUT = {
    "Model loss": "Each network's gain is the other's loss: neither goes to zero for good.",
    "Discriminator accuracy": "The share of images that it classifies correctly.",
}


@dataclass(frozen=True)
class Panel:
    """A chart of figures that share an axis, with its title and a sentence about it."""

    title: str
    about: str
    chart: Markup


def command(material: Material, module: str, *arguments: str) -> str | None:
    """Return the command that makes something from the run's checkpoint; None if it has none."""
    if not material.has_checkpoint:
        return None
    checkpoint = shell.override("ckpt_path", str(material.path))
    return shell.command(module, [checkpoint, *arguments], "python")  # whoever reads it, wherever


def frames(material: Material) -> list[dict[str, Any]]:
    """Return what the page's script needs of each grid; ``share`` is its place in the curves."""
    history = material.history or {"epoch": np.empty(0), "iteration": np.empty(0)}
    rows = zip(history["epoch"].tolist(), history["iteration"].tolist(), strict=True)
    places = {row: (index + 1) / len(history["epoch"]) for index, row in enumerate(rows)}
    return [
        {
            "epoch": frame.epoch,
            "iteration": frame.iteration,
            "share": places.get((frame.epoch, frame.iteration)),
            "src": data_uri(frame.png, "image/png"),
        }
        for frame in material.frames
    ]


def panels(material: Material) -> list[Panel]:
    """Return what the run measured in each iteration, a chart for each panel; [] without a history."""
    history = material.history
    if history is None:
        return []
    return [_panel(title, figures, history) for title, figures in panels_of(material.figures).items()]


def _panel(title: str, figures: Sequence[Figure], history: Mapping[str, NDArray[np.float64]]) -> Panel:
    is_share = all(figure.is_share for figure in figures)
    about = _ABOUT.get(title, "") + ("" if is_share else f" Vertical axis: {figures[0].unit}.")
    shown = [
        charts.Curve(figure.label, figure.tone or f"plain{number % 3}", history[figure.name])
        for number, figure in enumerate(figures)
    ]
    size = int(history["iteration"].max())
    return Panel(title, about.strip(), charts.draw_chart(shown, size, percent=is_share))


def iterations_per_point(material: Material) -> int:
    """Return the number of iterations per point of the curves."""
    return -(-len(material.history["epoch"]) // charts.POINTS) if material.history else 1


def course(material: Material) -> list[Markup]:
    """Return the scores that were taken during the training, a chart for each."""
    course = material.course or {"epoch": np.empty(0)}
    is_counted = course["epoch"] >= 1
    epochs = course["epoch"][is_counted]
    if not len(epochs):
        return []
    names = [name for name in in_order(course, MEANINGS) if name not in POSITION]
    return [
        charts.draw_points(charts.Curve(_title(meaning_of(name)), "warm", course[name][is_counted]), epochs)
        for name in names
    ]


def _title(meaning: Meaning) -> str:
    return f"{meaning.title} ({meaning.better} is better)" if meaning.better else meaning.title
