"""How networks follow the size of the images: a small start, doubled as often as it takes."""

from collections.abc import Sequence

_LARGEST_START = 8  # pixels a side


def count_doublings(image_size: int) -> int:
    """Return how often the smallest side of at most 8 pixels is doubled, as 7 is twice for 28 pixels.

    Raises:
        ValueError: There is no such whole number.
    """
    doublings, side = 0, image_size
    while side > _LARGEST_START:
        if side % 2:
            raise ValueError(f"image_size={image_size} is not at most {_LARGEST_START}, doubled a few times")
        doublings, side = doublings + 1, side // 2
    return doublings


def start_size(image_size: int) -> int:
    """Return the smallest side in pixels (see `count_doublings`)."""
    return image_size >> count_doublings(image_size)


def fill_channels(channels: Sequence[int], least: int, count: int, factor: float) -> list[int]:
    """Return the channels of all layers of a network for images of any size.

    Args:
        channels: Those of the first layers, at least.
        least: How many of them have to be given.
        count: Number of layers.
        factor: A further layer has so many times the channels of the one before, but at least one.

    Raises:
        ValueError: Too few or too many are given, or one is below 1.
    """
    if not least <= len(channels) <= count:
        wanted = f"{count}" if least == count else f"{least} to {count}"
        raise ValueError(f"channels must have {wanted} entries, got {list(channels)}")
    if min(channels) < 1:
        raise ValueError(f"sizes must be at least 1, got channels={list(channels)}")
    filled = list(channels)
    while len(filled) < count:
        filled.append(max(1, int(factor * filled[-1])))
    return filled
