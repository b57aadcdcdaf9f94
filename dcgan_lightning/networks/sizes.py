"""Layers and channels of networks for images of different sizes: a small start size is doubled repeatedly."""

from collections.abc import Sequence

_LARGEST_START = 8  # pixels a side


def count_doublings(image_size: int) -> int:
    """Return the number of doublings from a start size of at most 8 pixels, for example 2 from 7 to 28.

    Raises:
        ValueError: The size is not an integer of at most 8, multiplied by a power of 2.
    """
    doublings, side = 0, image_size
    while side > _LARGEST_START:
        if side % 2:
            raise ValueError(f"image_size={image_size} is not at most {_LARGEST_START}, doubled a few times")
        doublings, side = doublings + 1, side // 2
    return doublings


def start_size(image_size: int) -> int:
    """Return the start size in pixels (see `count_doublings`)."""
    return image_size >> count_doublings(image_size)


def fill_channels(channels: Sequence[int], least: int, count: int, factor: float) -> list[int]:
    """Return the channels of all layers of a network.

    Args:
        channels: Channels of the first layers.
        least: Smallest allowed number of entries.
        count: Number of layers.
        factor: Ratio of the channels of each further layer to those of the previous one; at least 1 channel.

    Raises:
        ValueError: There are too few or too many entries, or one is below 1.
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
