"""Built-in style images: regular textile patterns, drawn at any size."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Coordinates = NDArray[np.float64]

_INK, _CLOTH, _ACCENT = (20, 36, 92), (238, 232, 216), (200, 40, 44)  # dark blue, cream, red


def draw_pattern(name: str, height: int, width: int, period: float = 14.0) -> NDArray[np.uint8]:
    """Draw a pattern in two or three colours, antialiased.

    Args:
        name: One of `PATTERNS`.
        height: Height in pixels.
        width: Width in pixels.
        period: Period of the pattern in pixels.

    Returns:
        uint8 (height, width, 3), RGB.
    """
    finer = 4  # samples per pixel along each side, which are averaged
    rows = (np.arange(height * finer) + 0.5) / (finer * period)
    columns = (np.arange(width * finer) + 0.5) / (finer * period)
    y, x = np.meshgrid(rows, columns, indexing="ij")
    picture = PATTERNS[name](y, x).reshape(height, finer, width, finer, 3).mean(axis=(1, 3))
    rounded: NDArray[np.uint8] = picture.round().astype(np.uint8)
    return rounded


def _stripes(y: Coordinates, x: Coordinates) -> Coordinates:
    """Return broad dark stripes at an angle of 45 degrees, with thin red stripes between them."""
    place = (x + y) * np.sqrt(0.5) % 1
    return _coloured(place < 0.45, (place > 0.65) & (place < 0.78))


def _checks(y: Coordinates, x: Coordinates) -> Coordinates:
    """Return a chequerboard with two squares per period along each side, crossed by thin red lines."""
    dark = (np.floor(2 * y) + np.floor(2 * x)) % 2 == 0
    return _coloured(dark, np.minimum(abs(y % 1 - 0.5), abs(x % 1 - 0.5)) < 0.05)


def _dots(y: Coordinates, x: Coordinates) -> Coordinates:
    """Return rows of dots, alternately dark and red, each row shifted by half a period."""
    row = np.floor(2 * y)
    column = x + row / 2 % 1
    dot = np.hypot((2 * y % 1 - 0.5) / 2, column % 1 - 0.5) < 0.23
    is_red = row % 4 == 0
    return _coloured(dot & ~is_red, dot & is_red)


def _knit(y: Coordinates, x: Coordinates) -> Coordinates:
    """Return the V-shaped stitches of stocking knit, each shaded across its yarn."""
    column = x % 1
    row = (1.5 * y + abs(column - 0.5) * 1.3) % 1
    yarn = np.sqrt(np.clip(1 - (2 * row - 1) ** 2, 0, 1))
    gap = np.clip(7 * np.minimum(column, 1 - column), 0, 1) * np.clip(0.2 + 7 * abs(column - 0.5), 0, 1)
    light = np.clip(1.15 * yarn, 0, 1) * gap
    return np.array(_INK) + (np.array(_CLOTH) - np.array(_INK)) * light[..., None]


def _coloured(ink: NDArray[np.bool_], accent: NDArray[np.bool_]) -> Coordinates:
    picture = np.where(ink[..., None], np.array(_INK, dtype=float), np.array(_CLOTH, dtype=float))
    return np.where(accent[..., None], np.array(_ACCENT, dtype=float), picture)


PATTERNS: dict[str, Callable[[Coordinates, Coordinates], Coordinates]] = {
    "stripes": _stripes,
    "checks": _checks,
    "dots": _dots,
    "knit": _knit,
}
