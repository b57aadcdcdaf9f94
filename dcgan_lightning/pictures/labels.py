"""Grids with words: a label before each row, a caption below each image."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dcgan_lightning.pictures.figures import figure_of, png_of, with_defaults

if TYPE_CHECKING:
    from torch import Tensor

# In pixels of the images, before scaling.
_GAP, _CAPTION, _TITLE, _LETTER = 4, 8, 10, 3.0
_DPI = 100


@with_defaults
def draw_labelled_grid(
    rows: Sequence["Tensor"],
    labels: Sequence[str],
    captions: Sequence[Sequence[str]],
    titles: Sequence[str] = (),
    scale: int = 4,
    gap_after: int = 0,
) -> bytes:
    """Return rows of images with words around them, as the bytes of a PNG file.

    Args:
        rows: At least one; each uint8 (n, 1 or 3, H, W), all of one size; rows may be of different lengths.
        labels: What stands before each row.
        captions: What stands below each image, row by row.
        titles: What stands above the first columns.
        scale: Each pixel becomes a square of this side; below 3 words are hard to read.
        gap_after: After this many columns there is room, to tell two kinds of images apart; 0: nowhere.
    """
    height, width = rows[0].shape[2:]
    left = round(_LETTER * max(map(len, labels))) + 2 * _GAP
    top = _TITLE if titles else _GAP
    columns = max(1, *(len(row) for row in rows))

    def corner(row: int, column: int) -> tuple[int, int]:
        room = 2 * _GAP if gap_after and column >= gap_after else 0
        return top + row * (height + _CAPTION + _GAP), left + column * (width + _GAP) + room

    bottom, right = corner(len(rows), columns)
    canvas = np.full((bottom, right, 3), 255, dtype=np.uint8)
    for row, images in enumerate(rows):
        for column, image in enumerate(images.permute(0, 2, 3, 1).numpy()):
            y, x = corner(row, column)
            canvas[y : y + height, x : x + width] = image
    canvas = canvas.repeat(scale, axis=0).repeat(scale, axis=1)

    figure = figure_of((canvas.shape[1] / _DPI, canvas.shape[0] / _DPI), _DPI)
    figure.figimage(canvas)

    def write(x: float, y: float, text: str, **style: Any) -> None:
        size = 4.8 * scale * 72 / _DPI
        figure.text(x / right, 1 - y / bottom, text, fontsize=size, va="center", **style)

    for row, label in enumerate(labels):
        y, _ = corner(row, 0)
        write(left - _GAP, y + height / 2, label, ha="right")
        for column, caption in enumerate(captions[row]):
            _, x = corner(row, column)
            write(x + width / 2, y + height + _CAPTION / 2, caption, ha="center")
    for column, title in enumerate(titles):
        _, x = corner(0, column)
        write(x + width / 2, _TITLE / 2, title, ha="center")
    return png_of(figure, _DPI)
