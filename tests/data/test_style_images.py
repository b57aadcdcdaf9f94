from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dcgan_lightning.core.errors import ConfigError, DataError
from dcgan_lightning.data import SyntheticDataModule
from dcgan_lightning.data.patterns import draw_pattern
from dcgan_lightning.data.style_images import Picture, read_picture


def read(wanted: str, size: int = 56) -> Picture:
    return read_picture(wanted, "style", size, lambda: SyntheticDataModule(count=12), period=7)


def as_bytes(image: torch.Tensor) -> np.ndarray:
    return (image * 127.5 + 127.5).round().byte().numpy()


def test_a_pattern_by_name() -> None:
    picture = read("knit", 30)
    assert np.array_equal(as_bytes(picture.image).transpose(1, 2, 0), draw_pattern("knit", 30, 30, 7))
    assert picture.factor is None


def test_a_test_image_is_enlarged_by_a_whole_factor() -> None:
    picture = read("synthetic:3", 70)
    assert (picture.image.shape, picture.factor) == ((1, 56, 56), 2)
    original = SyntheticDataModule(count=12).load_images("test")[3].float() / 127.5 - 1
    reduced = torch.nn.functional.avg_pool2d(picture.image, 2)
    assert (reduced - original).abs().mean() < 0.05


def test_a_mosaic_stands_in_rows() -> None:
    picture = read("synthetic:2-6", 84)
    assert (picture.image.shape, picture.factor) == ((1, 56, 84), 1)
    images = SyntheticDataModule(count=12).load_images("test")
    shown = as_bytes(picture.image[0])
    assert np.array_equal(shown[:28, 56:], images[4, 0].numpy())
    assert np.array_equal(shown[28:, 28:56], images[6, 0].numpy())
    assert not shown[28:, 56:].any()


def test_files_keep_their_shape_and_grey_ones_stay_grey(tmp_path: Path) -> None:
    Image.new("RGB", (40, 20), (10, 10, 10)).save(tmp_path / "grey.png")
    Image.new("RGB", (20, 40), (10, 200, 10)).save(tmp_path / "green.jpg")
    assert read(str(tmp_path / "grey.png"), 60).image.shape == (1, 30, 60)
    assert read(str(tmp_path / "green.jpg"), 60).image.shape == (3, 60, 30)


def test_what_is_no_image_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(DataError, match=r"^style=.*notes\.txt: not an image in one of the formats .*$"):
        read(str(tmp_path / "notes.txt"))
    with pytest.raises(DataError, match=r"^style=strpes: No such file.* a name of stripes, .*$"):
        read("strpes")


def test_images_that_the_data_lacks() -> None:
    with pytest.raises(ConfigError, match="style=synthetic:12: the test images have the numbers 0 to 11"):
        read("synthetic:12")
    with pytest.raises(ConfigError, match="the data is synthetic; give style=synthetic:1,"):
        read("fashion_mnist:1")
