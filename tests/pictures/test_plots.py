import numpy as np
import pytest
import torch
from matplotlib import _pylab_helpers

from dcgan_lightning.pictures import decode_png, draw_curves, draw_examples, draw_pairs, draw_search
from dcgan_lightning.pictures.plots import running_mean


def history(level: float) -> dict[str, np.ndarray]:
    return {name: np.full(20, level) for name in ("gen_loss", "disc_loss", "real_accuracy", "fake_accuracy")}


def test_curves_show_the_values() -> None:
    low, high = (decode_png(draw_curves(history(level), iterations_per_epoch=10)) for level in (0.1, 0.9))
    assert low.shape == (640, 1200, 4)
    assert not np.array_equal(low, high)
    assert draw_curves(history(0.1), 10) == draw_curves(history(0.1), 10)


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


def test_pairs_show_left_and_right_in_each_panel() -> None:
    left, right = (torch.full((1, 28, 28), grey, dtype=torch.uint8) for grey in (50, 200))
    pictures = [decode_png(draw_pairs({"first": [(left, other, "a")], "second": [(left, left, "b")] * 5}))
                for other in (left, right)]  # fmt: skip
    assert pictures[0].shape == pictures[1].shape == (500, 896, 4)
    dark, bright = ((pictures[1][..., 0] == grey).sum() for grey in (50, 200))
    assert dark == pytest.approx(11 * bright, rel=0.05)  # one bright image beside eleven dark ones
    assert (pictures[0][..., 0] == 200).sum() < 20  # only in the letters' edges


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
