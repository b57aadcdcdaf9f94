"""Images for style transfer: built-in patterns, image files, images of a data set, and mosaics of these."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan_lightning.config.style import NO_FILES, PATTERN_NAMES, split_reference
from dcgan_lightning.core.errors import ConfigError, DataError
from dcgan_lightning.core.pixels import luminance, normalize
from dcgan_lightning.data.datamodules import InMemoryDataModule
from dcgan_lightning.data.image_files import ImageForm, read_image
from dcgan_lightning.data.patterns import draw_pattern


@dataclass(frozen=True)
class Picture:
    """An image for style transfer.

    Attributes:
        image: (C, H, W) in [-1, 1]; C is 3 if any pixel is coloured, otherwise 1.
        factor: Factor by which an image of the data set was enlarged; None for files and patterns.
    """

    image: Tensor
    factor: int | None = None


def read_picture(
    wanted: str, key: str, size: int, find_data: Callable[[], InMemoryDataModule], period: float = 14.0
) -> Picture:
    """Return the image named by a setting.

    Args:
        wanted: The name of a pattern, "fashion_mnist:17" for a test image, "fashion_mnist:0-8" for a mosaic
            of test images, or a path.
        key: The setting's name, for messages.
        size: Pixels of the longer side. Images of the data set are enlarged by an integer factor and may
            therefore be slightly smaller.
        find_data: Returns the data set; called only if it is needed.
        period: Period of a pattern in pixels.

    Raises:
        ConfigError: There is no such image in the data set.
        DataError: The file is missing or damaged, or not an image.
    """
    if wanted in PATTERN_NAMES:
        drawn = torch.from_numpy(draw_pattern(wanted, size, size, period))
        return Picture(normalize(drawn.permute(2, 0, 1)))
    if reference := split_reference(wanted):
        return _from_data(wanted, key, size, find_data(), *reference)
    try:
        pixels = read_image(wanted, ImageForm(size, 3, "keep"))
    except DataError as error:
        raise DataError(f"{key}={error}, {NO_FILES}") from error
    if bool((pixels[0] == pixels[1]).all() and (pixels[1] == pixels[2]).all()):
        pixels = pixels[:1]
    return Picture(normalize(pixels))


def _from_data(
    wanted: str, key: str, size: int, data: InMemoryDataModule, name: str, first: int, last: int
) -> Picture:
    if name != data.short_name:
        raise ConfigError(
            f"{key}={wanted}: the data is {data.short_name}; give {key}={data.short_name}:{first}, "
            "choose it with data=..., or give an image file"
        )
    images = data.load_images("test")
    if last >= len(images):
        raise ConfigError(f"{key}={wanted}: the test images have the numbers 0 to {len(images) - 1}")
    chosen = images[first : last + 1]
    columns = math.isqrt(len(chosen) - 1) + 1
    rows = -(-len(chosen) // columns)
    count, channels, height, width = chosen.shape
    blank = torch.zeros(rows * columns - count, channels, height, width, dtype=torch.uint8)
    mosaic = torch.cat([chosen, blank]).unflatten(0, (rows, columns)).permute(2, 0, 3, 1, 4)
    mosaic = mosaic.reshape(1, channels, rows * height, columns * width)
    factor = max(1, size // max(mosaic.shape[2:]))
    enlarged = F.interpolate(normalize(mosaic), scale_factor=factor, mode="bicubic", align_corners=False)
    return Picture(enlarged[0].clamp(-1, 1), factor)


def read_style(wanted: str, key: str, size: int, channels: int, period: float = 14.0) -> Tensor:
    """Return a style image that does not need a data set: a pattern or an image file.

    Args:
        wanted: The name of a pattern, or a path.
        key: The setting's name, for messages.
        size: Pixels of the longer side.
        channels: 1 for greyscale, 3 for colour.
        period: See `read_picture`.

    Returns:
        (channels, H, W) in [-1, 1].

    Raises:
        ConfigError: The style is an image of a data set.
        DataError: The file is missing or damaged, or not an image.
    """

    def refuse() -> InMemoryDataModule:
        raise ConfigError(f"{key}={wanted}: a style to learn must be a pattern or an image file")

    image = read_picture(wanted, key, size, refuse, period).image
    return luminance(image) if channels == 1 else image.expand(channels, -1, -1)
