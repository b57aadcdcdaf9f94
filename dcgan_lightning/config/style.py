"""How settings name the images for style transfer."""

import re
from typing import Any

from dcgan_lightning.config.checks import text

PATTERN_NAMES = ("stripes", "checks", "dots", "knit")  # a test compares them with those that can be drawn
MOSAIC_LIMIT = 400  # images of a mosaic


def split_reference(value: str) -> tuple[str, int, int] | None:
    """Return data set, first and last number of "fashion_mnist:0-8" or "fashion_mnist:17", or None."""
    match = re.fullmatch(r"(\w{2,}):(\d{1,9})(?:-(\d{1,9}))?", value)  # one letter is a drive of Windows
    return match and (match[1], int(match[2]), int(match[3] or match[2]))


def image(value: Any) -> str | None:
    """Check for what names an image: a pattern, a test image, several of them, or a file."""
    wanted = (
        f"{', '.join(PATTERN_NAMES)}, an image file, a test image as fashion_mnist:17, "
        f"or up to {MOSAIC_LIMIT} as fashion_mnist:0-8"
    )
    if text(value) is not None:
        return wanted
    reference = split_reference(value)
    return wanted if reference and not 0 <= reference[2] - reference[1] < MOSAIC_LIMIT else None
