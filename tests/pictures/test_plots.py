from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib import _pylab_helpers
from matplotlib.figure import Figure

import dcgan_lightning
from dcgan_lightning.core.measured import Figure as Measured
from dcgan_lightning.pictures import (
    decode_png,
    draw_curves,
    draw_examples,
    draw_scores,
    draw_search,
    plots,
)
from dcgan_lightning.pictures.figures import COOL, WARM
from dcgan_lightning.pictures.plots import png_of, running_mean


def history(level: float) -> dict[str, np.ndarray]:
    return {name: np.full(20, level) for name in ("gen_loss", "disc_loss", "real_accuracy", "fake_accuracy")}


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Keep the figures that are made to pictures."""
    figures: list[Figure] = []
    monkeypatch.setattr(plots, "png_of", lambda figure: figures.append(figure) or png_of(figure))
    return figures


def curves_of(figure: Figure) -> list[dict[str, list[float]]]:
    """Return the curves of each panel: label to values."""
    return [{line.get_label(): [*line.get_ydata()] for line in axes.lines} for axes in figure.axes]


def test_curves_show_the_values(drawn: list[Figure]) -> None:
    names = ("gen_loss", "disc_loss", "real_accuracy", "fake_accuracy")
    values = {name: np.array([index, index + 0.5]) for index, name in enumerate(names)}
    picture = draw_curves(values, iterations_per_epoch=10)
    assert decode_png(picture).shape == (640, 1200, 4)
    losses, accuracies = curves_of(drawn[0])[:2]
    assert losses == {"gen_loss": [0, 0.5], "disc_loss": [1, 1.5]}
    assert accuracies == {"real_accuracy": [2, 2.5], "fake_accuracy": [3, 3.5]}
    assert draw_curves(values, 10) == picture


def test_other_figures_have_panels_of_their_own(drawn: list[Figure]) -> None:
    measured = [
        Measured("a", "Errors", "grey levels", "a", "A"),
        Measured("b", "Shares", "share", "b", "B", is_share=True),
        Measured("c", "Errors", "grey levels", "c", "C"),
    ]
    values = {name: np.array([index, index + 0.5]) for index, name in enumerate("abc")}
    draw_curves(values, 10, measured)
    assert curves_of(drawn[0])[:2] == [{"a": [0, 0.5], "c": [2, 2.5]}, {"b": [1, 1.5]}]
    errors, shares = drawn[0].axes[:2]
    assert (errors.get_title(loc="left"), errors.get_ylabel()) == ("Errors", "grey levels")
    assert shares.get_ylim() == (-0.02, 1.02)
    assert errors.lines[0].get_color() != errors.lines[1].get_color()


def test_long_curves_get_their_running_mean(drawn: list[Figure]) -> None:
    values = {name: np.arange(400.0) for name in history(0.0)}
    draw_curves(values, iterations_per_epoch=100)
    panel = curves_of(drawn[0])[0]
    assert panel["gen_loss"] == [*np.arange(0.5, 399)]
    assert len(panel) == 4  # two faint ones beside the means
    assert "means of 2 neighbouring" in drawn[0].axes[0].get_title(loc="left")


def test_no_legend_hides_a_curve(drawn: list[Figure]) -> None:
    names = ("precision", "recall", "density", "coverage", "frechet_distance", "class_divergence")
    draw_curves(history(1.0), iterations_per_epoch=10)
    draw_scores(np.arange(1, 4), dict.fromkeys(names, np.ones(3)))
    draw_search([1.0, None, 2.0], {})
    for axes in (axes for figure in drawn for axes in figure.axes if axes.get_legend()):
        assert axes.get_legend().get_window_extent().y0 >= axes.get_window_extent().y1


@pytest.mark.parametrize("epochs", [[1], [7], [1, 2], [1, 2, 3], [5, 10], [*range(1, 40)]])
def test_epochs_and_trials_are_counted_in_whole_numbers(drawn: list[Figure], epochs: list[int]) -> None:
    names = ("precision", "recall", "density", "coverage", "frechet_distance", "class_divergence")
    count = len(epochs)
    draw_scores(np.array(epochs), {name: np.arange(float(count)) for name in names})
    draw_search([float(epoch) for epoch in epochs], {})
    draw_curves(history(0.5), iterations_per_epoch=20 // min(count, 5))
    axes = [*drawn[0].axes, drawn[1].axes[0], *drawn[2].axes, *drawn[2].axes[0].child_axes]
    for place in axes:
        low, high = place.get_xlim()
        shown = [tick for tick in place.get_xticks() if low <= tick <= high]
        assert shown
        assert all(tick == round(tick) for tick in shown)


def test_one_colour_for_one_network_in_pictures_and_report(drawn: list[Figure]) -> None:
    draw_curves(history(0.5), iterations_per_epoch=20)
    lines = {line.get_label(): line.get_color() for axes in drawn[0].axes for line in axes.lines}
    assert lines["gen_loss"] == lines["fake_accuracy"] == WARM
    assert lines["disc_loss"] == lines["real_accuracy"] == COOL
    names = ("precision", "recall", "density", "coverage", "frechet_distance", "class_divergence")
    draw_scores(np.arange(1, 4), dict.fromkeys(names, np.ones(3)))
    scores = {line.get_label(): line.get_color() for axes in drawn[1].axes for line in axes.lines}
    assert scores["frechet_distance"] == scores["class_divergence"] == WARM
    assert len({scores[name] for name in names[:4]} - {WARM, COOL, "C0", "C1"}) == 4
    style = (Path(dcgan_lightning.__file__).parent / "reports" / "templates" / "theme.css").read_text()
    assert f"--warm: {WARM}; --cool: {COOL};" in style


def test_scores_stand_in_their_panels(drawn: list[Figure]) -> None:
    names = ("frechet_distance", "precision", "recall", "density", "coverage", "class_divergence")
    values = {name: np.array([index, index + 0.5]) for index, name in enumerate(names)}
    assert decode_png(draw_scores(np.array([1, 4]), values)).shape == (360, 1200, 4)
    distance, fidelity, classes = curves_of(drawn[0])
    assert distance == {"frechet_distance": [0, 0.5]}
    assert fidelity == {name: [*values[name]] for name in ("precision", "recall", "density", "coverage")}
    assert classes == {"class_divergence": [5, 5.5]}
    assert [*drawn[0].axes[0].lines[0].get_xdata()] == [1, 4]


def test_curves_of_a_single_iteration() -> None:
    values = {name: column[:1] for name, column in history(0.5).items()}
    assert decode_png(draw_curves(values, iterations_per_epoch=1)).shape == (640, 1200, 4)


def test_running_mean() -> None:
    assert running_mean(np.array([1.0, 2.0, 6.0, 4.0]), 2).tolist() == [1.5, 4.0, 5.0]


def test_examples_use_one_grey_range() -> None:
    dark = torch.full((10, 1, 28, 28), 100, dtype=torch.uint8)
    picture = decode_png(draw_examples(dark))
    assert picture.shape == (400, 800, 4)
    # Each image is a flat grey of 100, neither stretched to white nor to black.
    assert (picture[..., 0] == 100).mean() > 0.4


def test_no_figure_stays_open() -> None:
    draw_curves(history(0.5), 10)
    assert not _pylab_helpers.Gcf.figs


def test_a_search_shows_its_scores_failures_and_importances() -> None:
    scores, importances = [3.0, None, 1.0], {"model.generator_lr": 0.9, "seed": 0.1}
    picture = decode_png(draw_search(scores, importances))
    assert picture.shape == (400, 1200, 4)
    assert not np.array_equal(picture, decode_png(draw_search([3.0, 2.0, 1.0], importances)))
    assert not np.array_equal(picture, decode_png(draw_search(scores, {**importances, "seed": 0.5})))
    assert decode_png(draw_search([None], {})).shape == (400, 1200, 4)
