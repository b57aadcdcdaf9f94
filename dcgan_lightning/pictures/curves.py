"""Loss and accuracy curves, as the notebook draws them after each epoch."""

import io
from collections.abc import Mapping

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

PANELS = {
    "loss": ("Model loss", "loss (nats)", ("gen_loss", "disc_loss")),
    "accuracy": ("Discriminator accuracy", "accuracy (share of images)", ("fake_accuracy", "real_accuracy")),
}


def draw_curves(history: Mapping[str, NDArray[np.floating]], iterations_per_epoch: int) -> bytes:
    """Return the two panels, losses and accuracies over iterations, as the bytes of a PNG file.

    Args:
        history: ``gen_loss``, ``disc_loss``, ``fake_accuracy`` and ``real_accuracy``, each (iterations,).
        iterations_per_epoch: For the second axis, which counts epochs.
    """
    figure = Figure(figsize=(15, 8), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, (title, unit, names) in zip(figure.subplots(2, 1), PANELS.values(), strict=True):
        for name in names:
            iterations = np.arange(1, len(history[name]) + 1)
            axes.plot(iterations, history[name], label=name, linewidth=0.8)
        axes.set(title=title, xlabel="iteration (batches trained on)", ylabel=unit)
        axes.margins(x=0.01)
        axes.grid(alpha=0.3)
        axes.legend(loc="upper left")
        epochs = axes.secondary_xaxis(
            "top", (lambda x: x / iterations_per_epoch, lambda x: x * iterations_per_epoch)
        )
        epochs.set_xlabel("epoch")
    figure.axes[1].set_ylim(-0.02, 1.02)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return buffer.getvalue()
