"""How settings name the images for style transfer."""

import re
from typing import Any

from dcgan_lightning.config.checks import Check, not_negative, number, one_of, optional, positive, text

PATTERN_NAMES = ("stripes", "checks", "dots", "knit")  # a test compares them with those that can be drawn
# What names an image beside a file, for messages.
NO_FILES = f"a name of {', '.join(PATTERN_NAMES)}, or an image of the data as fashion_mnist:17"
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


# Settings of the objective, which ``stylize`` and the system share.
STYLE_RULES: dict[str, Check] = {
    "period": number("a number of pixels from 2 to 1000", lambda value: 2 <= value <= 1000),
    "features": one_of("classifier", "random", "vgg19"),
    "weights": optional(text),
    "content_weight": not_negative,
    "style_weight": positive,
    "variation_weight": not_negative,
}


def weights_problem(features: str, weights: str | None, group: str = "") -> str | None:
    """Return why a file of weights does not go with a feature network, or None if it does.

    Args:
        features: The network's name.
        weights: The file.
        group: What stands before both keys, as "model.".
    """
    if (features == "vgg19") == (weights is not None):
        return None
    if weights is None:
        return f"{group}features=vgg19 needs {group}weights=FILE, torchvision's vgg19-dcbb9e9d.pth"
    return f"{group}weights={weights} is for {group}features=vgg19; features={features} brings its own"
