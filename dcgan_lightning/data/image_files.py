"""Image files of any common kind, made into images of one size and number of channels, through Pillow."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.core.regular_files import read_file

FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".jfif", ".webp", ".bmp", ".tif", ".tiff", ".gif"))
MAXIMUM_PIXELS = 100_000_000  # of a file; a small file can claim to hold far more (a decompression bomb)
MINIMUM_SIDE = 8  # pixels
_REDUCING_GAP = (
    3.0  # large images are first reduced to this multiple in a quicker way; the eye sees no difference
)

Fit = Literal["crop", "pad", "stretch", "keep"]
"""What becomes of an image that is not square: its middle is kept, it gets margins, it is distorted, or it
keeps its shape, and only its longer side is the size."""
Background = Literal["black", "white"]


@dataclass(frozen=True)
class ImageForm:
    """What images are made into.

    Attributes:
        size: Pixels a side.
        channels: 1 for grey, 3 for colour.
        fit: What becomes of an image that is not square.
        background: Seen through transparent pixels, and the colour of the margins.
    """

    size: int
    channels: int
    fit: Fit = "crop"
    background: Background = "black"


def read_image(path: Path | str, form: ImageForm) -> Tensor:
    """Read an image file: the first frame, turned as its EXIF data say, resized with antialiasing.

    Args:
        path: A file in one of `FORMATS`, whatever its name; grey, colour, palette, 16-bit, with alpha or not.
        form: What the image is made into.

    Returns:
        uint8 (channels, size, size), or with fit="keep" one side of at most that size.

    Raises:
        DataError: The file cannot be read, is damaged, or holds too few or too many pixels; the message is
            one line with the path.
    """
    try:
        with silenced():
            return torch.from_numpy(decode_image(read_file(path), form))
    except (OSError, DataError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{path}: {reason or error}; use another file") from error


def decode_image(data: bytes, form: ImageForm) -> NDArray[np.uint8]:
    """Decode the content of an image file (see `read_image`).

    Pillow warns of what is refused here anyway: call this within `silenced`.

    Args:
        data: The whole content.
        form: What the image is made into.

    Returns:
        (channels, size, size).

    Raises:
        DataError: Says in a few words what is wrong with the content.
    """
    if not data:
        raise DataError("the file is empty")
    try:
        image = _open(data)
        if image.format == "PNG":  # the only format with checksums, and loading does not look at all of them
            image.verify()
            image = _open(data)
        image.draft(None, (2 * form.size, 2 * form.size))  # JPEG: decoded at a fraction of its size
        image.load()
        return _fit(_flatten(ImageOps.exif_transpose(image), form), form)
    except DataError:
        raise
    except UnidentifiedImageError as error:
        raise DataError(f"not an image in one of the formats {', '.join(FORMATS)}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise DataError(f"more than {MAXIMUM_PIXELS:,} pixels") from error
    except Exception as error:  # what damaged files raise is not a closed list
        reason = " ".join(str(error).split())[:100]
        raise DataError(f"damaged ({reason or type(error).__name__})") from error


@contextmanager
def silenced() -> Iterator[None]:
    """Ignore Pillow's warnings of odd files, which are decoded or refused; not to be entered by a thread."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _open(data: bytes) -> Image.Image:
    """Return an image of which only the header has been read."""
    image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
    width, height = image.size
    if width * height > MAXIMUM_PIXELS:
        raise DataError(f"{width} x {height} pixels, more than {MAXIMUM_PIXELS:,}")
    if min(width, height) < MINIMUM_SIDE:
        raise DataError(f"only {width} x {height} pixels, less than {MINIMUM_SIDE} a side")
    return image


def _flatten(image: Image.Image, form: ImageForm) -> Image.Image:
    """Return an image of 8 bits a channel without transparency, in the mode "L" or "RGB"."""
    if image.mode.startswith("I;16"):  # Pillow would clip the values above 255
        values = np.asarray(image).astype(np.uint32)
        image = Image.fromarray(((values + 128) // 257).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise DataError("32-bit pixels of an unknown range; save it with 8 or 16 bits")
    if image.has_transparency_data:
        canvas = Image.new("RGBA", image.size, form.background)
        image = Image.alpha_composite(canvas, image.convert("RGBA"))
    if image.mode in ("P", "PA", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "RGBX"):
        image = image.convert("RGB")
    return image.convert("L" if form.channels == 1 else "RGB")


def _fit(image: Image.Image, form: ImageForm) -> NDArray[np.uint8]:
    """Return the pixels (channels, size, size) of an image of any shape."""
    size, (width, height) = form.size, image.size
    share = size / max(width, height)
    inner = (max(1, round(width * share)), max(1, round(height * share)))
    if form.fit == "keep":
        image = _resize(image, inner)
    elif form.fit == "pad":
        canvas = Image.new(image.mode, (size, size), form.background)
        canvas.paste(_resize(image, inner), ((size - inner[0]) // 2, (size - inner[1]) // 2))
        image = canvas
    else:
        left, top = (
            ((width - min(image.size)) / 2, (height - min(image.size)) / 2)
            if form.fit == "crop"
            else (0.0, 0.0)
        )
        image = _resize(image, (size, size), (left, top, width - left, height - top))
    pixels = np.asarray(image)
    return pixels[None].copy() if form.channels == 1 else np.ascontiguousarray(pixels.transpose(2, 0, 1))


def _resize(
    image: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float] | None = None
) -> Image.Image:
    """Return a part of an image at another size, antialiased; at its own size its pixels stay as they are."""
    return image.resize(size, Image.Resampling.LANCZOS, box, _REDUCING_GAP)
