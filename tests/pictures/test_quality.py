import io

import numpy as np
import pytest
from PIL import Image

from dcgan_lightning.pictures import comparisons, draw_quality

FIRST = {"score": np.array([20.0, 5.0]), "score_minutes": np.array([1.0, 4.0])}
SECOND = {"score": np.array([30.0, 8.0, 2.0]), "score_minutes": np.array([2.0, 8.0, 60.0])}


def test_each_run_is_a_line_over_minutes_and_each_setting_a_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = []
    monkeypatch.setattr(comparisons, "png_of", lambda figure: figures.append(figure) or b"")
    draw_quality([("a: $x$", [FIRST, SECOND]), ("b", [SECOND])])
    (figure,) = figures
    (axes,) = figure.axes
    lines = [line for line in axes.get_lines() if len(line.get_xdata())]
    assert [line.get_xdata().tolist() for line in lines] == [[1, 4], [2, 8, 60], [2, 8, 60]]
    assert [line.get_ydata().tolist() for line in lines] == [[20, 5], [30, 8, 2], [30, 8, 2]]
    colours = [line.get_color() for line in lines]
    assert colours[0] == colours[1] != colours[2]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a: $x$", "b"]
    assert axes.get_xscale() == axes.get_yscale() == "log"


def test_the_picture_is_a_png() -> None:
    with Image.open(io.BytesIO(draw_quality([("a", [FIRST])]))) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 300
