"""Pictures as Jupyter shows them: the value of a cell's last line."""

from typing import TYPE_CHECKING

import torch

from dcgan_lightning.core.pixels import to_uint8
from dcgan_lightning.pictures.figures import png_of
from dcgan_lightning.pictures.grids import encode_png, make_grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Picture:
    """The bytes of a PNG file; Jupyter shows them.

    Args:
        png: The file's content.
    """

    def __init__(self, png: bytes) -> None:
        self.png = png

    def _repr_png_(self) -> bytes:
        return self.png

    def __repr__(self) -> str:
        return "<Picture>"


def show(images: torch.Tensor, columns: int = 8, scale: int = 2) -> Picture:
    """Lay images side by side.

    Args:
        images: (N, C, H, W): uint8, or floats from -1 (black) to 1 (white).
        columns: Images a row.
        scale: Each pixel becomes a visible square of this side.
    """
    images = images if images.dtype == torch.uint8 else to_uint8(images)
    return Picture(encode_png(make_grid(images, columns, scale)))


def show_figure(figure: "Figure", dpi: float = 60) -> Picture:
    """Show a Matplotlib figure."""
    return Picture(png_of(figure, dpi))
