import numpy as np
import pytest

from dcgan_lightning.config.style import PATTERN_NAMES
from dcgan_lightning.data.patterns import PATTERNS, draw_pattern


def test_the_names_are_those_of_the_settings() -> None:
    assert tuple(PATTERNS) == PATTERN_NAMES


@pytest.mark.parametrize("name", PATTERN_NAMES)
def test_a_pattern_repeats_itself_and_is_smooth(name: str) -> None:
    drawn = draw_pattern(name, 48, 80, period=16)
    assert drawn.shape == (48, 80, 3)
    assert drawn.dtype == np.uint8
    assert np.array_equal(drawn, draw_pattern(name, 48, 80, period=16))
    if name != "stripes":  # they run at an angle
        assert np.array_equal(drawn[:32, :64], drawn[:32, 16:])
    grey = drawn.mean(axis=2)
    assert grey.std() > 25
    assert len(np.unique(grey)) > 4  # more than its two or three colours: edges are averaged


def test_stripes_and_dots_are_what_their_names_say() -> None:
    stripes = draw_pattern("stripes", 32, 32).astype(int)
    assert np.array_equal(stripes[1:, :-1], stripes[:-1, 1:])  # equal along one diagonal
    assert not np.array_equal(stripes[1:, 1:], stripes[:-1, :-1])
    dots = draw_pattern("dots", 56, 56)
    cream = (dots == (238, 232, 216)).all(axis=2).mean()
    assert 0.5 < cream < 0.8
    red = (dots == (200, 40, 44)).all(axis=2).mean()
    assert 0.02 < red < 0.15


def test_checks_are_half_dark() -> None:
    checks = draw_pattern("checks", 56, 56)
    assert 0.3 < (checks == (20, 36, 92)).all(axis=2).mean() < 0.5


def test_a_finer_period_is_a_smaller_picture() -> None:
    fine, coarse = draw_pattern("checks", 32, 32, period=8), draw_pattern("checks", 64, 64, period=16)
    halved = coarse.reshape(32, 2, 32, 2, 3).mean(axis=(1, 3))
    assert np.abs(fine - halved).max() < 40
