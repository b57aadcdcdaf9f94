"""Arrays to pictures: pure functions with an explicit range of values."""

from dcgan_lightning.pictures.film import encode_gif, is_film_frame
from dcgan_lightning.pictures.grids import decode_png, encode_png, make_grid, to_uint8
from dcgan_lightning.pictures.plots import draw_curves, draw_examples, draw_pairs, draw_scores

__all__ = [
    "decode_png",
    "draw_curves",
    "draw_examples",
    "draw_pairs",
    "draw_scores",
    "encode_gif",
    "encode_png",
    "is_film_frame",
    "make_grid",
    "to_uint8",
]
