"""Decodes image files of all common formats to images of a given size and number of channels, with Pillow."""

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
MAXIMUM_PIXELS = 100_000_000  # per file, against decompression bombs: small files that declare huge images
MINIMUM_SIDE = 8  # pixels
_REDUCING_GAP = (
    3.0  # large images are first reduced to this multiple by a faster method, without visible differences
)

Fit = Literal["crop", "pad", "stretch", "keep"]
"""Treatment of images that are not square: crop to the centre, add margins, distort, or keep the aspect ratio
with the longer side at the given size."""
Background = Literal["black", "white"]


@dataclass(frozen=True)
class ImageForm:
    """The target format of images.

    Attributes:
        size: Pixels a side.
        channels: 1 for greyscale, 3 for colour.
        fit: Treatment of images that are not square.
        background: Colour behind transparent pixels and of the margins.
    """

    size: int
    channels: int
    fit: Fit = "crop"
    background: Background = "black"


def read_image(path: Path | str, form: ImageForm) -> Tensor:
    """Read an image file: its first frame, rotated according to EXIF, resized with antialiasing.

    Args:
        path: A file in one of `FORMATS`, with any name: greyscale, colour, palette, 16-bit, with or without
            alpha.
        form: The target format.

    Returns:
        uint8 (channels, size, size); with fit="keep" the shorter side may be smaller.

    Raises:
        DataError: The file is unreadable or damaged, or has too few or too many pixels; the message is one
            line with the path.
    """
    try:
        with silenced():
            return torch.from_numpy(decode_image(read_file(path), form))
    except (OSError, DataError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"{path}: {reason or error}; use another file") from error


def decode_image(data: bytes, form: ImageForm) -> NDArray[np.uint8]:
    """Decode the content of an image file (see `read_image`).

    Call this within `silenced`, because Pillow warns about files that are refused here anyway.

    Args:
        data: Content of the file.
        form: The target format.

    Returns:
        (channels, size, size), as for `read_image`.

    Raises:
        DataError: The content is invalid; the message is the reason in a few words.
    """
    if not data:
        raise DataError("the file is empty")
    try:
        image = _open(data)
        if image.format == "PNG":  # the only format with checksums; loading does not check all of them
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
    except Exception as error:  # damaged files raise errors of many kinds
        reason = " ".join(str(error).split())[:100]
        raise DataError(f"damaged ({reason or type(error).__name__})") from error


@contextmanager
def silenced() -> Iterator[None]:
    """Ignore Pillow's warnings about unusual files; not thread-safe, so enter it in the main thread."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _open(data: bytes) -> Image.Image:
    """Open an image and check its size, reading only the header."""
    image: Image.Image = Image.open(io.BytesIO(data), formats=FORMATS)
    width, height = image.size
    if width * height > MAXIMUM_PIXELS:
        raise DataError(f"{width} x {height} pixels, more than {MAXIMUM_PIXELS:,}")
    if min(width, height) < MINIMUM_SIDE:
        raise DataError(f"only {width} x {height} pixels, less than {MINIMUM_SIDE} a side")
    return image


def _flatten(image: Image.Image, form: ImageForm) -> Image.Image:
    """Return an image with 8 bits per channel and without transparency, in mode "L" or "RGB"."""
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
    """Resize a part of an image with antialiasing; an unchanged size leaves the pixels unchanged."""
    return image.resize(size, Image.Resampling.LANCZOS, box, _REDUCING_GAP)
