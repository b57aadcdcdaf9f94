"""Grids with words: headings, a label before each row, a caption below each image."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dcgan_lightning.pictures.figures import figure_of, png_of, with_defaults

if TYPE_CHECKING:
    from torch import Tensor

# In pixels of the images, before scaling.
_GAP, _CAPTION, _TITLE, _LINE, _LETTER = 4, 8, 10, 7, 3.0
_DPI = 100


@with_defaults
def draw_labelled_grid(
    rows: Sequence["Tensor"],
    labels: Sequence[str],
    captions: Sequence[Sequence[str]],
    titles: Sequence[str] = (),
    scale: int = 4,
    gap_after: int = 0,
    headings: Mapping[int, str] | None = None,
    notes: Sequence[str] = (),
) -> bytes:
    """Return rows of images with words around them, as the bytes of a PNG file.

    Args:
        rows: At least one; each uint8 (n, 1 or 3, H, W), all of one size; rows may be of different lengths.
        labels: Text before each row.
        captions: Text below each image, row by row.
        titles: Text above the first columns.
        scale: Each pixel becomes a square of this side; below 3 words are hard to read.
        gap_after: Number of columns before a gap that separates two kinds of images; 0: no gap.
        headings: Index of a row to the text above it, over the whole width.
        notes: Text in each row after its last image.
    """
    height, width = rows[0].shape[2:]
    left = round(_LETTER * max(map(len, labels))) + 2 * _GAP
    columns = max(1, *(len(row) for row in rows))

    def column_start(column: int) -> int:
        room = 2 * _GAP if gap_after and column >= gap_after else 0
        return left + column * (width + _GAP) + room

    right = column_start(columns)
    wrapped = {
        row: textwrap.wrap(text, int((right - 2 * _GAP) / 2.6)) for row, text in (headings or {}).items()
    }
    starts, bottom = [], _TITLE if titles else _GAP
    for row in range(len(rows)):
        bottom += _GAP + _LINE * len(wrapped[row]) if row in wrapped else 0
        starts.append(bottom)
        bottom += height + _CAPTION + _GAP
    canvas = np.full((bottom, right, 3), 255, dtype=np.uint8)
    for y, images in zip(starts, rows, strict=True):
        for column, image in enumerate(images.permute(0, 2, 3, 1).numpy()):
            x = column_start(column)
            canvas[y : y + height, x : x + width] = image
    canvas = canvas.repeat(scale, axis=0).repeat(scale, axis=1)

    figure = figure_of((canvas.shape[1] / _DPI, canvas.shape[0] / _DPI), _DPI)
    figure.figimage(canvas)

    def write(x: float, y: float, text: str, **style: Any) -> None:
        size = 4.8 * scale * 72 / _DPI
        figure.text(x / right, 1 - y / bottom, text, fontsize=size, va="center", parse_math=False, **style)

    for row, (y, label) in enumerate(zip(starts, labels, strict=True)):
        write(left - _GAP, y + height / 2, label, ha="right")
        for column, caption in enumerate(captions[row]):
            write(column_start(column) + width / 2, y + height + _CAPTION / 2, caption, ha="center")
        if row < len(notes):
            write(column_start(len(rows[row])) + _GAP, y + height / 2, notes[row], ha="left", color="0.35")
        above = y - (_TITLE if titles and row == 0 else _GAP / 2)
        for line, text in enumerate(reversed(wrapped.get(row, []))):
            write(_GAP, above - (line + 0.5) * _LINE, text, ha="left")
    for column, title in enumerate(titles):
        write(column_start(column) + width / 2, starts[0] - _TITLE / 2, title, ha="center")
    return png_of(figure, _DPI)


def draw_pairs(pairs: Mapping[str, Sequence[tuple["Tensor", "Tensor", str]]], columns: int = 4) -> bytes:
    """Return pairs of images, side by side, in panels with a heading, as the bytes of a PNG file.

    Args:
        pairs: A panel's heading to its pairs: left and right image, each uint8 (1, H, W), and a caption.
        columns: Pairs a row.
    """
    import torch  # it takes seconds, and plots of figures do not need it

    rows: list[Tensor] = []
    captions: list[list[str]] = []
    headings: dict[int, str] = {}
    for heading, panel in pairs.items():
        headings[len(rows)] = heading
        for start in range(0, len(panel), columns):
            part = panel[start : start + columns]
            gap = part[0][0].new_full((*part[0][0].shape[:2], 2), 128)
            rows.append(torch.stack([torch.cat([one, gap, other], dim=2) for one, other, _ in part]))
            captions.append([caption for _, _, caption in part])
    return draw_labelled_grid(rows, [""] * len(rows), captions, headings=headings)
