"""The parts of the report, from top to bottom; each is HTML, and says in a sentence what it has not got."""

import json
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dcgan_lightning.core import shell
from dcgan_lightning.core.measured import Figure, panels_of
from dcgan_lightning.reports import charts, elements
from dcgan_lightning.reports.head import head
from dcgan_lightning.reports.material import Material
from dcgan_lightning.reports.score_table import draw_scores, name_scores
from dcgan_lightning.reports.scores import MEANINGS, Meaning

_ABOUT = {
    "Model loss": "Each network's gain is the other's loss: neither goes to zero for good.",
    "Discriminator accuracy": "The share of images that it classifies correctly.",
}


def _missing(material: Material, text: str, module: str, *arguments: str) -> str:
    """Return what the run has not got, and the command that makes it from the run's checkpoint."""
    if not material.has_checkpoint:
        return elements.paragraph(f"{text}. It takes a checkpoint, and the run has none.", "soft")
    checkpoint = shell.override("ckpt_path", str(material.path))
    command = shell.command(module, [checkpoint, *arguments], "python")  # whoever reads it, wherever
    return elements.missing(f"{text}. Run:", command)


def viewer(material: Material) -> str:
    """Return the slider through the training, beside the untrained generator and real images."""
    if len(material.frames) < 2:
        content = elements.paragraph("There are too few grids to compare.", "soft")
        return elements.section("training", "From noise to garments", content, "empty")
    last = material.frames[-1]
    moment = f"epoch {last.epoch}, iteration {last.iteration}"
    picture = elements.image(last.png, f"Generated images at {moment}", 'id="frame"')
    controls = (
        '<div class="controls" hidden><div class="where"><label for="slider">Moment</label>'
        f'<output id="where" for="slider" aria-live="off">{moment}</output></div>'
        f'<input type="range" id="slider" min="0" max="{len(material.frames) - 1}" step="1" '
        f'value="{len(material.frames) - 1}">'
        '<div class="buttons"><button type="button" id="play">Play</button>'
        '<button type="button" id="previous">Previous</button>'
        '<button type="button" id="next">Next</button></div></div>'
        "<noscript><p>Without JavaScript only the last moment is shown; the film below shows the others.</p>"
        "</noscript>"
    )
    small = "".join(
        elements.figure(elements.image(png, alt), caption)
        for png, alt, caption in (
            (material.untrained, "Images of the untrained generator", "Before the first iteration"),
            (material.real, "Real training images", "Real images"),
        )
        if png
    )
    text = elements.paragraph(
        f"{len(material.frames)} moments, close together at first, then ever further apart. It is always the "
        "same noise: each garment grows in its place."
    ) + elements.paragraph("Arrow keys move by one moment, Home and End to the first and the last.", "soft")
    frames = json.dumps(_frames(material)).replace("<", "\\u003c")
    content = (
        f'<div class="two flip"><div class="viewer">{picture}{controls}</div>'
        f'<div>{text}<div class="small">{small}</div></div></div>'
        f'<script type="application/json" id="frames">{frames}</script>'
    )
    return elements.section("training", "From noise to garments", content)


def _frames(material: Material) -> list[dict[str, Any]]:
    """Return what the page's script needs of each frame; ``share`` is its place in the curves."""
    history = material.history or {"epoch": np.empty(0), "iteration": np.empty(0)}
    rows = zip(history["epoch"].tolist(), history["iteration"].tolist(), strict=True)
    places = {row: (index + 0.5) / len(history["epoch"]) for index, row in enumerate(rows)}
    return [
        {
            "epoch": frame.epoch,
            "iteration": frame.iteration,
            "share": places.get((frame.epoch, frame.iteration)),
            "src": elements.data_uri(frame.png, "image/png"),
        }
        for frame in material.frames
    ]


def film(material: Material) -> str:
    """Return the film; who prefers less motion sees the last grid instead."""
    if material.film is None or not material.frames:
        content = elements.paragraph(
            "There is no film: `callbacks.film` was off, or the run has not ended.", "soft"
        )
        return elements.section("film", "Film", content, "empty")
    still = elements.data_uri(material.frames[-1].png, "image/png")
    picture = (
        f'<picture><source media="(prefers-reduced-motion: reduce)" srcset="{still}">'
        f'<img src="{elements.data_uri(material.film, "image/gif")}" '
        'alt="Film of the generated images during the training"></picture>'
    )
    text = elements.paragraph(
        "The same grids as an endless film, as the notebook makes it. Where the system asks for less motion, "
        "the last grid stands still here."
    )
    return elements.section(
        "film", "Film", f'<div class="two"><div>{text}</div><figure>{picture}</figure></div>'
    )


def curves(material: Material) -> str:
    """Return what the run measured over the training, a chart for each kind."""
    history, title = material.history, "Losses and accuracies"
    if history is None or not material.figures:
        content = elements.paragraph("There are no curves: `callbacks.history` was off.", "soft")
        return elements.section("curves", title, content, "empty")
    size = int(history["iteration"].max())
    together = -(-len(history["epoch"]) // charts.POINTS)
    meant = (
        f"Lines are means of {together} iterations, bands reach from their smallest to their largest value."
        if together > 1
        else "Every iteration is shown."
    )
    panels = "".join(
        f"<div>{_panel(name, figures, history, size)}</div>"
        for name, figures in panels_of(material.figures).items()
    )
    content = elements.paragraph(f"{meant} The numbers are the latest.", "soft")
    content += f'<div class="two even charts">{panels}</div>'
    return elements.section("curves", title, content)


def _panel(
    name: str, figures: Sequence[Figure], history: Mapping[str, NDArray[np.float64]], size: int
) -> str:
    """Return the chart of figures that share a panel."""
    is_share = all(figure.is_share for figure in figures)
    about = _ABOUT.get(name, "") + ("" if is_share else f" The axis is {figures[0].unit}.")
    shown = [
        charts.Curve(figure.label, figure.tone or f"plain{number % 3}", history[figure.name])
        for number, figure in enumerate(figures)
    ]
    paragraph = elements.paragraph(about.strip()) if about else ""
    return f"<h3>{escape(name)}</h3>{paragraph}{charts.draw_chart(shown, size, percent=is_share)}"


def scores(material: Material) -> str:
    """Return the scores, each beside its anchors, and those taken during the training."""
    course = _course(material)
    if not material.scores:
        content = course + _missing(material, "There are no scores beside anchors yet", "evaluate")
        return elements.section("scores", "Scores", content, "" if course else "empty")
    first, *others = material.scores
    text = elements.paragraph(
        "Each number stands beside the same number for images whose quality is known, the anchors. On the "
        "bars, left is better: the tall mark is real images, short marks are the other anchors, the dot is "
        "this run. Where the bar is faint, it is better or worse than every anchor. Anchors can pass real "
        "images in one score, as blurred ones do in precision: read the scores together. Bars of distances "
        "are logarithmic."
        if any(score.anchors for score in first.scores)
        else "There are no anchors to read these numbers by: other images were scored than Fashion-MNIST's."
    )
    content = text + f"<h3>{escape(name_scores(first))}</h3>" + draw_scores(first)
    if others:
        content += '<div class="more">'
        content += (
            "".join(elements.folded(name_scores(file), draw_scores(file)) for file in others) + "</div>"
        )
    return elements.section("scores", "Scores", content + course)


def _course(material: Material) -> str:
    """Return the scores that were taken during the training, a chart for each."""
    course = material.course or {"epoch": np.empty(0)}
    is_counted = course["epoch"] >= 1
    epochs = course["epoch"][is_counted]
    if not len(epochs):
        return ""
    curves = (
        charts.Curve(f"{meaning.title}{_hint(meaning)}", "warm", course[name][is_counted])
        for name, meaning in MEANINGS.items()
        if name in course
    )
    shown = "".join(f"<div>{charts.draw_points(curve, epochs)}</div>" for curve in curves)
    return f'<h3>Scores during the training</h3><div class="course">{shown}</div>'


def _hint(meaning: Meaning) -> str:
    return f" ({meaning.better} is better)" if meaning.better else ""


def nearest(material: Material) -> str:
    """Return generated images beside the training images they are nearest to."""
    if not material.nearest:
        content = _missing(material, "There is no picture of the nearest training images yet", "evaluate")
        return elements.section("nearest", "Made up or remembered?", content, "empty")
    text = elements.paragraph(
        "Generated images, each beside the training image it is nearest to. A copy would show twice the same."
    )
    return elements.section(
        "nearest",
        "Made up or remembered?",
        text + elements.gallery(material.nearest, "Generated images and their nearest training images"),
    )


def atlas(material: Material) -> str:
    """Return generated images sorted by class."""
    if not material.atlas:
        content = _missing(material, "There is no atlas yet", "generate", "mode=atlas")
        return elements.section("atlas", "Atlas of garments", content, "empty")
    text = elements.paragraph("Generated images, sorted by the garment that the classifier sees in them.")
    return elements.section(
        "atlas", "Atlas of garments", text + elements.gallery(material.atlas, "Generated images by garment")
    )


def settings(material: Material) -> str:
    """Return configuration, networks and files, folded."""
    files = elements.table(
        ["In the run's folder", "Files", "Bytes"],
        [[escape(name), f"{count:,}", f"{size:,}"] for name, count, size in material.files],
        numbers=[1, 2],
    )
    networks = (
        elements.folded("Networks", elements.preformatted("networks.txt", material.networks))
        if material.networks
        else elements.paragraph("There is no `networks.txt`.", "soft")
    )
    content = (
        elements.folded("All settings", elements.preformatted("config.yaml", material.config))
        + networks
        + elements.folded("Files", elements.scrolling("Files of the run", files))
    )
    return elements.section("settings", "Settings, networks and files", content)


SECTIONS: tuple[Callable[[Material], str], ...] = (
    head,
    viewer,
    film,
    curves,
    scores,
    nearest,
    atlas,
    settings,
)
