"""Plots: loss and accuracy curves and the first images, as the notebook draws them, and scores."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dcgan_lightning.core.durations import format_count
from dcgan_lightning.core.measured import NOTEBOOK_FIGURES, Figure, panels_of
from dcgan_lightning.pictures.figures import (
    COLOURS,
    count_in_whole_numbers,
    figure_of,
    legend_above,
    png_of,
    with_defaults,
)

if TYPE_CHECKING:
    from torch import Tensor


@with_defaults
def draw_curves(
    history: Mapping[str, NDArray[np.floating]],
    iterations_per_epoch: int,
    figures: Sequence[Figure] = NOTEBOOK_FIGURES,
) -> bytes:
    """Return the figures over iterations, a panel for each kind, as the bytes of a PNG file.

    Long histories are drawn faintly, with their running mean over 1/200 of the iterations on top.

    Args:
        history: The values of each figure by its name, (iterations,).
        iterations_per_epoch: For the second axis, which counts epochs.
        figures: What to draw.
    """
    from matplotlib.ticker import MaxNLocator

    panels = panels_of(figures)
    plot = figure_of((15, 4 * len(panels)))
    window = max(1, len(history[figures[0].name]) // 200)
    note = "" if window == 1 else f": each iteration, and means of {window} neighbouring ones (thick)"
    rows = plot.subplots(len(panels), 1, squeeze=False).flat
    for axes, (title, shown) in zip(rows, panels.items(), strict=True):
        for number, figure in enumerate(shown):
            values = history[figure.name]
            iterations = np.arange(1, len(values) + 1)
            colour = COLOURS[figure.tone] if figure.tone else f"C{number}"
            style = {"color": colour, "label": figure.name}
            if window == 1:
                axes.plot(iterations, values, linewidth=0.8, **style)
                continue
            axes.plot(iterations, values, linewidth=0.5, alpha=0.25, color=colour)
            mean = running_mean(values, window)
            axes.plot(iterations[: len(mean)] + (window - 1) / 2, mean, **style)
        axes.set_title(f"{title}{note}", loc="left")
        axes.set(xlabel="iteration (batches trained on)", ylabel=shown[0].unit)
        if all(figure.is_share for figure in shown):
            axes.set_ylim(-0.02, 1.02)
        axes.margins(x=0.01)
        axes.grid(alpha=0.3)
        legend_above(axes)
        count_in_whole_numbers(axes, iterations)
        epochs = axes.secondary_xaxis(
            -0.2, functions=(lambda x: x / iterations_per_epoch, lambda x: x * iterations_per_epoch)
        )
        epochs.set_xlabel("epoch")
        epochs.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    bottom, top = 0.28 / len(panels), 1 - 0.1 / len(panels)
    plot.subplots_adjust(left=0.05, right=0.985, bottom=bottom, top=top, hspace=0.6)
    return png_of(plot)


@with_defaults
def draw_scores(
    epochs: NDArray[np.floating], scores: Mapping[str, NDArray[np.floating]], floor: float | None = None
) -> bytes:
    """Return the scores over the epochs as the bytes of a PNG file.

    Args:
        epochs: (N,), after which each was measured, from 1.
        scores: ``frechet_distance``, ``precision``, ``recall``, ``density``, ``coverage`` and
            ``class_divergence``, each (N,); a panel without any finite value is left out.
        floor: Fréchet distance of real images, drawn as a dashed line.
    """
    panels = (
        ("Fréchet distance (smaller is better)", ("frechet_distance",)),
        ("Fidelity and variety (larger is better)", ("precision", "recall", "density", "coverage")),
        ("Classes: divergence from equal shares (nats)", ("class_divergence",)),
    )
    shown = [panel for panel in panels if any(np.isfinite(scores[name]).any() for name in panel[1])]
    figure = figure_of((15, 4.5))
    for axes, (title, names) in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        # Generated images are warm; several scores of them need other colours than the networks'.
        colours = [COLOURS["warm"]] if len(names) == 1 else ["C2", "C4", "C5", "C8"]
        for name, colour in zip(names, colours, strict=True):
            axes.plot(epochs, scores[name], color=colour, marker="o", markersize=3, linewidth=1, label=name)
        if floor is not None and "frechet_distance" in names:
            axes.axhline(floor, color="0.4", linestyle="--", linewidth=1, label="real images")
            legend_above(axes)
        axes.set_title(title, pad=24)
        axes.set_xlabel("epoch")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        count_in_whole_numbers(axes, epochs)
        if len(names) > 1:
            legend_above(axes)
    figure.subplots_adjust(left=0.04, right=0.985, bottom=0.12, top=0.86)
    return png_of(figure)


@with_defaults
def draw_search(scores: Sequence[float | None], importances: Mapping[str, float]) -> bytes:
    """Return a search's scores in turn and what they depend on, as the bytes of a PNG file.

    Args:
        scores: One for each trial, the smaller the better; None where it failed.
        importances: Each setting's share, largest first.
    """
    figure = figure_of((15, 5))
    history, shares = figure.subplots(1, 2, width_ratios=(2, 1))
    found = [(number, score) for number, score in enumerate(scores) if score is not None]
    numbers, values = np.array(found).reshape(-1, 2).T
    history.plot(numbers, values, "o", label="trial")
    history.step(numbers, np.minimum.accumulate(values), where="post", label="best so far")
    for number, score in enumerate(scores):
        if score is None:
            history.axvline(number, color="tab:red", alpha=0.3, label="failed")
    handles = {label: handle for handle, label in zip(*history.get_legend_handles_labels(), strict=True)}
    history.set_title("Scores of the search", loc="left")
    history.set(xlabel="trial", ylabel="Fréchet distance (smaller is better)")
    history.grid(alpha=0.3)
    count_in_whole_numbers(history, np.arange(len(scores)))
    history.legend(
        handles.values(), handles.keys(), loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False
    )
    names = list(importances)[::-1]
    shares.barh(names, [importances[name] for name in names])
    # From a few trials they are little more than a guess.
    title = f"What the score depends on, from {format_count(len(found), 'trial')}"
    shares.set(title=title, xlabel="importance (share)", xlim=(0, 1))
    if not names:
        shares.set_yticks([])
        shares.text(0.5, 0.5, "known from two scored trials on", ha="center", transform=shares.transAxes)
    figure.tight_layout()
    return png_of(figure)


def running_mean(values: NDArray[np.floating], window: int) -> NDArray[np.floating]:
    """Return the means of all runs of ``window`` neighbours: (N,) to (N - window + 1,)."""
    return np.convolve(values, np.full(window, 1 / window), mode="valid")


@with_defaults
def draw_examples(images: "Tensor", columns: int = 5, title: str = "") -> bytes:
    """Return images with their indices as titles, as the bytes of a PNG file.

    Args:
        images: uint8 (N, 1 or 3, H, W); shown with one grey range, 0 black and 255 white.
        columns: Images a row.
        title: Above all of them.
    """
    rows = -(-len(images) // columns)
    figure = figure_of((2 * columns, 2.5 * rows))
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for index, axes in enumerate(panels):
        axes.axis("off")
        if index < len(images):
            axes.imshow(images[index].permute(1, 2, 0).squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=255)
            axes.set_title(f"index: {index}")
    top = 0.93
    if title:
        figure.suptitle(title, y=0.99, va="top")
        top -= 0.3 / (2.5 * rows)
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.02, top=top, wspace=0.05)
    return png_of(figure)
