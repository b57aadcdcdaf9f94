"""What Jupyter is given to show."""

import numpy as np
import torch

from dcgan_lightning.pictures import decode_png
from dcgan_lightning.pictures.figures import figure_of
from dcgan_lightning.pictures.notebook import Picture, show, show_figure


def test_bytes_and_the_networks_numbers_give_the_same_picture() -> None:
    numbers = torch.tensor([-1.0, 1.0]).repeat(3).view(6, 1, 1, 1).expand(6, 1, 4, 4)
    picture = show(numbers, columns=3, scale=2)
    assert picture._repr_png_() == show(((numbers + 1) * 127.5).byte(), columns=3, scale=2)._repr_png_()
    pixels = decode_png(picture.png)
    assert pixels.shape[:2] == (2 * (2 * 6 + 2), 2 * (3 * 6 + 2))
    assert {*np.unique(pixels)} == {0, 128, 255}


def test_a_figure_has_the_size_it_says() -> None:
    picture = show_figure(figure_of((2, 1)), dpi=50)
    assert isinstance(picture, Picture)
    assert decode_png(picture.png).shape[:2] == (50, 100)
    assert repr(picture) == "<Picture>"
