"""The film of the training: which frames it shows, and its file."""

import math
from collections.abc import Sequence
from typing import Any

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray


def is_film_frame(index: int) -> bool:
    """Tell whether the notebook's film shows the grid with this number.

    It shows grids ever more rarely: number i where round(2 * sqrt(i)) has grown.

    Args:
        index: Number of the grid in the order of training, from 0.

    Source:
        The last cell of the notebook.
    """
    return index == 0 or round(2 * math.sqrt(index)) > round(2 * math.sqrt(index - 1))


def encode_gif(frames: Sequence[NDArray[np.uint8]], frame_ms: int | Sequence[int]) -> bytes:
    """Return pictures of one size as the bytes of an endlessly repeated GIF.

    Args:
        frames: At least one picture.
        frame_ms: How long each is shown, in milliseconds, a multiple of 10 (GIF's unit); one number for all
            or one for each.

    Raises:
        ValueError: There are no frames.
    """
    if not frames:
        raise ValueError("a film needs at least one frame")
    data: bytes = imageio.imwrite("<bytes>", list(frames), extension=".gif", duration=frame_ms, loop=0)
    return data


def decode_gif(data: bytes) -> tuple[list[NDArray[np.uint8]], list[int]]:
    """Return the pictures in the bytes of a GIF, grey ones as (H, W), and how long each is shown, in ms."""
    file: Any
    with imageio.imopen(data, "r", plugin="pillow", extension=".gif") as file:
        count = file.properties(index=...).n_images or 1
        frames = [file.read(index=index, mode="RGB") for index in range(count)]
        durations = [
            int(file.metadata(index=index, exclude_applied=False)["duration"]) for index in range(count)
        ]
    if all((frame == frame[..., :1]).all() for frame in frames):
        frames = [frame[..., 0] for frame in frames]
    return frames, durations
