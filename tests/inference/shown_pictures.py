"""Reading the pictures that ``generate`` writes."""

from pathlib import Path

import numpy as np

from dcgan_lightning.pictures import decode_png


def shown_images(file: Path, rows: int, columns: int, scale: int) -> np.ndarray:
    """Return the images of a labelled grid without labels, headings and titles, (rows * columns, 28, 28)."""
    picture = decode_png(file.read_bytes())[::scale, ::scale, 0]
    places = [(4 + 40 * row, 8 + 32 * column) for row in range(rows) for column in range(columns)]
    return np.stack([picture[y : y + 28, x : x + 28] for y, x in places])
