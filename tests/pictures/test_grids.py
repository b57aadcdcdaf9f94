import numpy as np
import pytest
import torch
import torchvision

from dcgan_lightning.core.pixels import to_uint8
from dcgan_lightning.pictures import (
    add_captions,
    decode_png,
    encode_each_png,
    encode_png,
    make_grid,
    shrink,
    square_side,
    title_of,
    with_title,
)
from dcgan_lightning.pictures.grids import GROUP_GAP


def test_to_uint8_has_one_fixed_range() -> None:
    values = torch.tensor([-1.0, 0.0, 1.0, -3.0, 3.0, -1 + 2 / 255])
    assert to_uint8(values).tolist() == [0, 128, 255, 0, 255, 1]


def test_to_uint8_undoes_normalisation() -> None:
    bytes_ = torch.arange(256)
    assert torch.equal(to_uint8((bytes_ - 127.5) / 127.5), bytes_.byte())


def test_grid_is_exact() -> None:
    images = torch.tensor([[[[10]]], [[[20]]], [[[30]]]], dtype=torch.uint8)
    grid = make_grid(images, columns=2, padding=1)
    assert grid.tolist() == [
        [128, 128, 128, 128, 128],
        [128, 10, 128, 20, 128],
        [128, 128, 128, 128, 128],
        [128, 30, 128, 128, 128],
        [128, 128, 128, 128, 128],
    ]


@pytest.mark.parametrize(("count", "columns", "channels"), [(1, 3, 1), (2, 5, 3), (7, 3, 1), (6, 3, 3)])
def test_grid_is_torchvisions(count: int, columns: int, channels: int) -> None:
    images = torch.randint(0, 256, (count, channels, 5, 4), dtype=torch.uint8)
    wanted = torchvision.utils.make_grid(images, nrow=columns, padding=2, pad_value=128)
    grid = make_grid(images, columns)
    assert np.array_equal(grid if channels == 3 else grid[..., None].repeat(3, 2), wanted.permute(1, 2, 0))


def test_grid_scale_repeats_pixels() -> None:
    images = torch.randint(0, 256, (4, 1, 3, 3), dtype=torch.uint8)
    assert np.array_equal(make_grid(images, 2, scale=3)[::3, ::3], make_grid(images, 2))


def test_other_numbers_of_channels_are_refused() -> None:
    with pytest.raises(ValueError, match="expected images of 1 or 3 channels, got 2"):
        make_grid(torch.zeros(1, 2, 4, 4, dtype=torch.uint8), columns=1)


@pytest.mark.parametrize("channels", [1, 3])
def test_shrinking_undoes_the_scale(channels: int) -> None:
    images = torch.randint(0, 256, (4, channels, 28, 28), dtype=torch.uint8)
    for scale in (1, 3, 4):
        assert np.array_equal(shrink(make_grid(images, 2, scale=scale)), make_grid(images, 2))


def test_what_has_no_squares_is_not_shrunk() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (12, 12), dtype=np.uint8)
    assert shrink(picture) is picture
    assert square_side(picture) == 1
    assert square_side(picture.repeat(3, 0).repeat(3, 1)) == 3
    assert shrink(picture[:7]).shape == (7, 12)
    assert shrink(np.zeros((12, 18), dtype=np.uint8)).shape == (2, 3)  # the largest square


def test_colour_grid() -> None:
    images = torch.randint(0, 256, (2, 3, 4, 4), dtype=torch.uint8)
    grid = make_grid(images, 2, padding=0)
    assert grid.shape == (4, 8, 3)
    assert np.array_equal(grid[:, :4], images[0].permute(1, 2, 0).numpy())


def test_grid_refuses_floats() -> None:
    with pytest.raises(TypeError, match="to_uint8"):
        make_grid(torch.zeros(1, 1, 2, 2), 1)


def test_png_keeps_every_pixel() -> None:
    picture = np.random.default_rng(0).integers(0, 256, (20, 30), dtype=np.uint8)
    data = encode_png(picture)
    assert data.startswith(b"\x89PNG")
    assert np.array_equal(decode_png(data), picture)


def test_each_image_as_a_png_of_its_own() -> None:
    images = torch.randint(0, 256, (3, 1, 28, 28), dtype=torch.uint8)
    decoded = [decode_png(data) for data in encode_each_png(images)]
    assert np.array_equal(np.stack(decoded), images[:, 0].numpy())
    colours = torch.randint(0, 256, (1, 3, 5, 6), dtype=torch.uint8)
    (data,) = encode_each_png(colours)
    assert np.array_equal(decode_png(data), colours[0].permute(1, 2, 0).numpy())


def test_a_title_travels_with_the_picture_and_changes_no_pixel() -> None:
    array = np.random.default_rng(0).integers(0, 256, (8, 12), dtype=np.uint8)
    png = encode_png(array)
    titled = with_title(png, "epoch 3, iteration 101")
    assert np.array_equal(decode_png(titled), array)
    assert title_of(titled) == "epoch 3, iteration 101"
    assert title_of(png) == ""


def test_groups_of_columns_stand_apart() -> None:
    images = torch.arange(1, 13, dtype=torch.uint8).view(12, 1, 1, 1).expand(12, 1, 3, 3)
    grid, plain = make_grid(images, 6, group=3), make_grid(images, 6)
    middle = 3 * 5  # three images with their padding
    assert grid.shape == (plain.shape[0], plain.shape[1] + GROUP_GAP)
    assert np.array_equal(grid[:, :middle], plain[:, :middle])
    assert (grid[:, middle : middle + GROUP_GAP] == 128).all()
    assert np.array_equal(grid[:, middle + GROUP_GAP :], plain[:, middle:])
    assert np.array_equal(make_grid(images[:3], 3, group=3), make_grid(images[:3], 3))  # one group
    assert np.array_equal(make_grid(images, 6, 2, group=3)[::2, ::2], grid)


@pytest.mark.parametrize("columns", [3, 6])
def test_a_caption_is_readable_below_a_narrow_grid(columns: int) -> None:
    images = torch.zeros(columns, 1, 28, 28, dtype=torch.uint8)
    images[:, :, ::2, 1::2] = 99
    grid = make_grid(images, columns, 4, group=3)
    (captioned,) = add_captions([grid], ["input | output | target"])
    assert captioned.shape[1] == grid.shape[1]
    assert np.array_equal(captioned[: len(grid)], grid)
    letters = (captioned[len(grid) :] == 255).any(axis=0)
    assert letters[: grid.shape[1] // 2].any()  # a text that does not fit is left out
