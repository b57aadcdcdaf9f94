"""Arrays to pictures: pure functions with an explicit range of values."""

from dcgan_lightning.pictures.comparisons import (
    Panel,
    draw_quality,
    draw_setting_curves,
    draw_side_by_side,
)
from dcgan_lightning.pictures.film import (
    add_captions,
    decode_gif,
    encode_gif,
    encode_mp4,
    is_film_frame,
    on_one_canvas,
)
from dcgan_lightning.pictures.grids import (
    decode_png,
    encode_each_png,
    encode_png,
    fitting_scale,
    make_grid,
    shrink,
    square_side,
    title_of,
    with_title,
)
from dcgan_lightning.pictures.labels import draw_labelled_grid, draw_pairs
from dcgan_lightning.pictures.plots import draw_curves, draw_examples, draw_scores, draw_search

__all__ = [
    "Panel",
    "add_captions",
    "decode_gif",
    "decode_png",
    "draw_curves",
    "draw_examples",
    "draw_labelled_grid",
    "draw_pairs",
    "draw_quality",
    "draw_scores",
    "draw_search",
    "draw_setting_curves",
    "draw_side_by_side",
    "encode_each_png",
    "encode_gif",
    "encode_mp4",
    "encode_png",
    "fitting_scale",
    "is_film_frame",
    "make_grid",
    "on_one_canvas",
    "shrink",
    "square_side",
    "title_of",
    "with_title",
]
