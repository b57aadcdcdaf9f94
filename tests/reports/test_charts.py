import re

import numpy as np
import pytest

from dcgan_lightning.reports.charts import Curve, bins, draw_chart, draw_points, ticks


def test_bins_are_means_and_extremes_of_neighbours() -> None:
    assert bins(np.array([1.0, 3.0, 5.0, 5.0]), points=2) == [(0.5, 2.0, 1.0, 3.0), (2.5, 5.0, 5.0, 5.0)]
    assert len(bins(np.arange(11_750.0))) == 120
    assert sum(mean for _, mean, _, _ in bins(np.arange(5.0))) == 10


def test_bins_pass_over_what_is_not_finite() -> None:
    values = np.array([np.nan, 2.0, np.inf, np.nan])
    assert bins(values, points=2) == [(0.5, 2.0, 2.0, 2.0)]


@pytest.mark.parametrize(
    ("top", "most", "expected"),
    [
        (50, 6, [0, 10, 20, 30, 40, 50]),
        (1.5, 5, [0, 0.5, 1, 1.5]),
        (3, 6, [0, 0.5, 1, 1.5, 2, 2.5, 3]),
        (0.07, 5, [0, 0.02, 0.04, 0.06]),
    ],
)
def test_ticks_are_round(top: float, most: int, expected: list[float]) -> None:
    assert list(ticks(top, most)) == expected


def test_a_curve_lies_where_its_values_are() -> None:
    chart = draw_chart([Curve("share", "warm", np.array([0.0, 0.5, 1.0, 0.25]))], 4, percent=True)
    (path,) = re.findall(r'class="line warm" d="M([^"]+)"', chart)
    assert path.split("L") == ["250 300", "500 150", "750 0", "1000 225"]
    assert 'aria-label="share: from 0% to 25%"' in chart
    assert "<b>25%</b>" in chart
    assert ">iteration<" in chart  # of a single epoch


def test_several_epochs_are_counted() -> None:
    chart = draw_chart([Curve("loss", "cool", np.linspace(2, 1, 40))], iterations_per_epoch=10)
    assert ">epoch<" in chart
    assert '<span style="left:50.00%">2</span>' in chart
    assert 'aria-label="loss: from 2.00 to 1.00"' in chart


def test_a_chart_of_one_iteration_and_one_of_none() -> None:
    assert 'd="M1000 150L1000 150"' in draw_chart([Curve("x", "warm", np.array([0.5]))], 1, percent=True)
    assert "no numbers" in draw_chart([Curve("x", "warm", np.array([np.nan]))], 1)


@pytest.mark.parametrize(
    ("value", "text"), [(118.216, "118.22"), (0.001, "0.001"), (0.0, "0.00"), (0.1, "0.10")]
)
def test_small_numbers_are_not_shown_as_nothing(value: float, text: str) -> None:
    assert f"<b>{text}</b>" in draw_chart([Curve("x", "warm", np.array([value]))], 1)


def test_titles_are_escaped() -> None:
    assert "<b>x" not in draw_chart([Curve("<b>x", "warm", np.array([0.5]))], 1)


@pytest.mark.parametrize("epochs", [[1], [4], [1, 2, 3], [5, 10, 20]])
def test_points_lie_at_their_epochs(epochs: list[int]) -> None:
    values = np.linspace(50, 25, len(epochs))
    chart = draw_points(Curve("Fréchet distance", "warm", values), np.array(epochs, float))
    (path,) = re.findall(r'class="line warm" d="M([^"]+)"', chart)
    places = [float(point.split()[0]) for point in path.split("L")]
    expected = [1000 * epoch / epochs[-1] for epoch in epochs]
    assert places[-len(epochs) :] == pytest.approx(expected, abs=0.1)
    labels = re.findall(r'left:([\d.]+)%">(\d+)<', chart)
    assert labels
    assert all(round(float(place) * epochs[-1] / 100) == int(text) for place, text in labels)
    assert f"<b>{values[-1]:.2f}</b>" in chart


def test_a_point_that_is_not_finite_is_left_out() -> None:
    chart = draw_points(Curve("x", "warm", np.array([1.0, np.nan])), np.array([1.0, 2.0]))
    assert 'd="M500' in chart
    assert "<b>1.00</b>" in chart
