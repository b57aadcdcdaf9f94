"""Grids of images, with one grey range for all of them."""

import io
import math
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray
from PIL import Image

if TYPE_CHECKING:  # it takes seconds to import, and pictures that are already made need none of it
    from torch import Tensor


GROUP_GAP = 6  # pixels between groups of columns, before scaling and beside the padding
SHOWN_SIDE = 128  # pixels of a picture that an image's side becomes, at most, where no scale is given


def fitting_scale(image_size: int) -> int:
    """Return the scale at which images of ``image_size`` pixels a side are well seen: 4 for 28, 2 for 64."""
    return max(1, SHOWN_SIDE // image_size)


def make_grid(
    images: "Tensor", columns: int, scale: int | None = 1, padding: int = 2, group: int | None = None
) -> NDArray[np.uint8]:
    """Lay images out row by row.

    Args:
        images: uint8 (N, C, H, W) with C 1 or 3.
        columns: Images a row.
        scale: Each pixel becomes a visible square of this side; None: see `fitting_scale`.
        padding: Pixels between images and around them, before scaling; mid-grey, to distinguish them from the
            images' black and white.
        group: Columns that belong together, after which there is a gap; None: all.

    Returns:
        (rows, columns) for grey images and (rows, columns, 3) for colour.

    Raises:
        TypeError: The images are not uint8.
        ValueError: They have neither 1 channel nor 3.
    """
    if str(images.dtype) != "torch.uint8":
        raise TypeError(f"expected uint8 images (see to_uint8), got {images.dtype}")
    if images.shape[1] not in (1, 3):
        raise ValueError(f"expected images of 1 or 3 channels, got {images.shape[1]}")
    scale = scale or fitting_scale(images.shape[-1])
    pixels = images.cpu().permute(0, 2, 3, 1).numpy()
    grid = _tile(pixels, min(columns, len(pixels)), padding) if len(pixels) > 1 else pixels[0]
    if group:
        step, width = group * (images.shape[-1] + padding), grid.shape[1]
        parts = np.split(grid, [*range(step, width - padding, step)], axis=1)
        gap = np.full((len(grid), GROUP_GAP, grid.shape[2]), 128, np.uint8)
        grid = np.concatenate([piece for part in parts for piece in (gap, part)][1:], axis=1)
    grid = grid.repeat(scale, axis=0).repeat(scale, axis=1)
    return grid[..., 0] if grid.shape[2] == 1 else grid


def _tile(pixels: NDArray[np.uint8], columns: int, padding: int) -> NDArray[np.uint8]:
    """Return a grid as torchvision's make_grid lays it out; that takes two seconds to import.

    Args:
        pixels: (N, H, W, C).
        columns: Images a row.
        padding: Pixels between images and around them.
    """
    count, height, width, channels = pixels.shape
    rows = -(-count // columns)
    cells = np.full((rows * columns, height + padding, width + padding, channels), 128, np.uint8)
    cells[:count, padding:, padding:] = pixels
    cells = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)
    grid = cells.reshape(rows * (height + padding), columns * (width + padding), channels)
    return np.pad(grid, ((0, padding), (0, padding), (0, 0)), constant_values=128)


def shrink(picture: NDArray[np.uint8], largest: int = 64) -> NDArray[np.uint8]:
    """Undo the scale of `make_grid`: one pixel for each square of equal pixels of any side.

    Args:
        picture: (H, W) or (H, W, channels).
        largest: Side of the largest square that is looked for.

    Returns:
        The picture itself if it has no such squares.
    """
    side = square_side(picture, largest)
    return picture[::side, ::side] if side > 1 else picture


def square_side(picture: NDArray[np.uint8], largest: int = 64) -> int:
    """Return the side of the largest squares of equal pixels that make up a picture (see `shrink`), or 1."""
    common = math.gcd(*picture.shape[:2])
    for side in range(min(common, largest), 1, -1):
        if common % side == 0:
            squares = picture[::side, ::side].repeat(side, 0).repeat(side, 1)
            if np.array_equal(squares, picture):
                return side
    return 1


def encode_png(array: NDArray[np.uint8]) -> bytes:
    """Return a picture as the bytes of a PNG file."""
    data: bytes = imageio.imwrite("<bytes>", array, extension=".png")
    return data


def encode_each_png(images: "Tensor") -> Iterator[bytes]:
    """Yield each image as the bytes of a PNG file.

    For small images this takes a fifth of `encode_png`'s time: Pillow itself, which imageio works with.

    Args:
        images: uint8 (N, 1 or 3, H, W).
    """
    for image in images.cpu().permute(0, 2, 3, 1).numpy():
        buffer = io.BytesIO()
        Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(buffer, "PNG")
        yield buffer.getvalue()


def with_title(png: bytes, title: str) -> bytes:
    """Return a PNG file with a title in its metadata; its pixels stay as they are.

    Args:
        png: Whole and valid.
        title: In Latin-1.
    """
    chunk = b"tEXtTitle\0" + title.encode("latin-1")
    header = 33  # bytes of the signature and of the first chunk, which has to be the first
    length, checksum = ((len(chunk) - 4).to_bytes(4), zlib.crc32(chunk).to_bytes(4))
    return png[:header] + length + chunk + checksum + png[header:]


def title_of(png: bytes) -> str:
    """Return the title in a PNG file's metadata (see `with_title`), or nothing."""
    with Image.open(io.BytesIO(png)) as picture:
        return str(picture.info.get("Title", ""))


def decode_png(data: bytes) -> NDArray[np.uint8]:
    """Return the picture in the bytes of a PNG file."""
    array: NDArray[np.uint8] = imageio.imread(data, plugin="pillow", extension=".png")
    return array
