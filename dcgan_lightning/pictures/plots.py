"""Plots: loss and accuracy curves and the first images, as the notebook draws them, and pairs of images."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dcgan_lightning.pictures.figures import figure_of, png_of, with_defaults

if TYPE_CHECKING:
    from torch import Tensor

PANELS = {
    "loss": ("Model loss", "loss (nats)", ("gen_loss", "disc_loss")),
    "accuracy": ("Discriminator accuracy", "accuracy (share of images)", ("fake_accuracy", "real_accuracy")),
}


@with_defaults
def draw_curves(history: Mapping[str, NDArray[np.floating]], iterations_per_epoch: int) -> bytes:
    """Return the two panels, losses and accuracies over iterations, as the bytes of a PNG file.

    Long histories are drawn faintly, with their running mean over 1/200 of the iterations on top.

    Args:
        history: ``gen_loss``, ``disc_loss``, ``fake_accuracy`` and ``real_accuracy``, each (iterations,).
        iterations_per_epoch: For the second axis, which counts epochs.
    """
    figure = figure_of((15, 8))
    for axes, (title, unit, names) in zip(figure.subplots(2, 1), PANELS.values(), strict=True):
        for name in names:
            values = history[name]
            iterations = np.arange(1, len(values) + 1)
            window = len(values) // 200
            if window < 2:
                axes.plot(iterations, values, label=name, linewidth=0.8)
                continue
            (line,) = axes.plot(iterations, values, linewidth=0.5, alpha=0.25)
            mean = running_mean(values, window)
            middle = iterations[: len(mean)] + (window - 1) / 2
            axes.plot(middle, mean, color=line.get_color(), label=f"{name} (mean of {window})")
        axes.set(title=title, xlabel="iteration (batches trained on)", ylabel=unit)
        axes.margins(x=0.01)
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left")
        epochs = axes.secondary_xaxis(
            "top", functions=(lambda x: x / iterations_per_epoch, lambda x: x * iterations_per_epoch)
        )
        epochs.set_xlabel("epoch")
    figure.axes[1].set_ylim(-0.02, 1.02)
    figure.subplots_adjust(left=0.05, right=0.985, bottom=0.07, top=0.92, hspace=0.55)
    return png_of(figure)


@with_defaults
def draw_scores(epochs: NDArray[np.floating], scores: Mapping[str, NDArray[np.floating]]) -> bytes:
    """Return the scores over the epochs as the bytes of a PNG file.

    Args:
        epochs: (N,), after which each was measured, from 1.
        scores: ``frechet_distance``, ``precision``, ``recall``, ``density``, ``coverage`` and
            ``class_divergence``, each (N,).
    """
    panels = (
        ("Fréchet distance (smaller is better)", ("frechet_distance",)),
        ("Fidelity and variety (larger is better)", ("precision", "recall", "density", "coverage")),
        ("Classes: divergence from equal shares (nats)", ("class_divergence",)),
    )
    figure = figure_of((15, 4.5))
    for axes, (title, names) in zip(figure.subplots(1, 3), panels, strict=True):
        for name in names:
            axes.plot(epochs, scores[name], marker="o", markersize=3, linewidth=1, label=name)
        axes.set(title=title, xlabel="epoch")
        axes.set_ylim(bottom=0)
        axes.grid(alpha=0.3)
        if len(names) > 1:
            axes.legend()
    figure.subplots_adjust(left=0.04, right=0.985, bottom=0.12, top=0.91)
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
    history.legend(handles.values(), handles.keys())
    history.set(title="Scores of the search", xlabel="trial", ylabel="score (smaller is better)")
    history.grid(alpha=0.3)
    names = list(importances)[::-1]
    shares.barh(names, [importances[name] for name in names])
    # From a few trials they are little more than a guess.
    title = f"What the score depends on, from {len(found)} trials"
    shares.set(title=title, xlabel="importance (share)", xlim=(0, 1))
    figure.tight_layout()
    return png_of(figure)


def running_mean(values: NDArray[np.floating], window: int) -> NDArray[np.floating]:
    """Return the means of all runs of ``window`` neighbours: (N,) to (N - window + 1,)."""
    return np.convolve(values, np.full(window, 1 / window), mode="valid")


@with_defaults
def draw_examples(images: "Tensor", columns: int = 5) -> bytes:
    """Return images with their indices as titles, as the bytes of a PNG file.

    Args:
        images: uint8 (N, 1 or 3, H, W); shown with one grey range, 0 black and 255 white.
        columns: Images a row.
    """
    rows = -(-len(images) // columns)
    figure = figure_of((2 * columns, 2.5 * rows))
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for index, axes in enumerate(panels):
        axes.axis("off")
        if index < len(images):
            axes.imshow(images[index].permute(1, 2, 0).squeeze(-1).numpy(), cmap="gray", vmin=0, vmax=255)
            axes.set_title(f"index: {index}")
    figure.subplots_adjust(left=0.01, right=0.99, bottom=0.02, top=0.93, wspace=0.05)
    return png_of(figure)


@with_defaults
def draw_pairs(pairs: Mapping[str, Sequence[tuple["Tensor", "Tensor", str]]], columns: int = 4) -> bytes:
    """Return pairs of images, side by side, in panels with a title, as the bytes of a PNG file.

    Args:
        pairs: A panel's title to its pairs: left and right image, each uint8 (1, H, W), and a caption.
        columns: Pairs a row.
    """
    import torch  # it takes seconds, and plots of figures need none of it

    heights = [-(-len(panel) // columns) for panel in pairs.values()]
    figure = figure_of((2.8 * columns, 1.75 * sum(heights) + 0.5 * len(heights)))
    parts = figure.subfigures(len(pairs), 1, squeeze=False, height_ratios=heights).flat
    for part, rows, (title, panel) in zip(parts, heights, pairs.items(), strict=True):
        part.suptitle(title)
        axes = [*part.subplots(rows, columns, squeeze=False).flat]
        for place in axes:
            place.axis("off")
        for place, (left, right, caption) in zip(axes, panel, strict=False):
            gap = left.new_full((*left.shape[:2], 2), 128)
            place.imshow(torch.cat([left, gap, right], dim=2)[0].numpy(), cmap="gray", vmin=0, vmax=255)
            place.set_title(caption, fontsize="small")
        part.subplots_adjust(left=0.01, right=0.99, bottom=0.01, top=0.87, wspace=0.05, hspace=0.25)
    return png_of(figure)
