"""The film of the training: which frames it shows, and its file."""

import importlib.util
import math
from collections.abc import Sequence
from typing import Any

import imageio.v3 as imageio
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dcgan_lightning.core.errors import MissingExtraError, install
from dcgan_lightning.pictures.grids import square_side

_STRIP = 13  # rows of pixels below a frame, before scaling: the letters have 11
_WIDEST = 400  # columns of this strip, before scaling: more would make the letters too small


def is_film_frame(index: int) -> bool:
    """Tell whether the notebook's film shows the grid with this number.

    It shows grids ever more rarely: number i where round(2 * sqrt(i)) has grown.

    Args:
        index: Number of the grid in the order of training, from 0.

    Source:
        The last cell of the notebook.
    """
    return index == 0 or round(2 * math.sqrt(index)) > round(2 * math.sqrt(index - 1))


def on_one_canvas(frames: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Return pictures of one size: smaller ones are at the top left, with mid-grey beside and below.

    Args:
        frames: (H, W) or (H, W, 3).
    """
    if any(frame.ndim == 3 for frame in frames):
        frames = [np.stack([frame] * 3, axis=-1) if frame.ndim == 2 else frame for frame in frames]
    height, width = (max(frame.shape[axis] for frame in frames) for axis in (0, 1))
    return [
        np.pad(
            frame,
            [(0, height - frame.shape[0]), (0, width - frame.shape[1]), (0, 0)][: frame.ndim],
            constant_values=128,
        )
        for frame in frames
    ]


def add_captions(frames: Sequence[NDArray[np.uint8]], captions: Sequence[str]) -> list[NDArray[np.uint8]]:
    """Return pictures of one size with a strip below each that holds its caption.

    Args:
        frames: (H, W) or (H, W, 3); the strip is scaled as `make_grid` scaled them, or a multiple of this for
            wide frames.
        captions: One for each. The part after a comma is left out where it does not fit; if all are empty,
            the pictures stay as they are.
    """
    if not any(captions):
        return list(frames)
    side = math.gcd(*map(square_side, frames))  # one for all: flat pictures have larger squares
    font = ImageFont.load_default_imagefont()
    widest = max(font.getlength(caption.partition(",")[0]) for caption in captions) + 4
    while side % 2 == 0 and widest > frames[0].shape[1] // side:  # smaller letters in narrow frames
        side //= 2
    return [
        np.concatenate([frame, _strip(frame, caption, side)])
        for frame, caption in zip(frames, captions, strict=True)
    ]


def _strip(frame: NDArray[np.uint8], caption: str, side: int) -> NDArray[np.uint8]:
    """Return white letters on black, as wide as a frame and of its colours."""
    font = ImageFont.load_default_imagefont()
    side *= -(-frame.shape[1] // (side * _WIDEST))
    width = -(-frame.shape[1] // side)
    texts = [caption, caption.partition(",")[0], ""]
    text = next(text for text in texts if font.getlength(text) <= width - 4)
    strip = Image.new("L", (width, _STRIP))
    ImageDraw.Draw(strip).text((3, 1), text, fill=255, font=font)
    array: NDArray[np.uint8] = (
        np.asarray(strip).repeat(side, axis=0).repeat(side, axis=1)[:, : frame.shape[1]]
    )
    return array if frame.ndim == 2 else np.stack([array] * frame.shape[2], axis=-1)


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
    # As RGB: of grey frames, Pillow reads some back with another one's palette.
    pictures = [np.stack([frame] * 3, axis=-1) if frame.ndim == 2 else frame for frame in frames]
    if len(frames) == 1 and not isinstance(frame_ms, int):
        (frame_ms,) = frame_ms  # Pillow takes no list for a single frame
    data: bytes = imageio.imwrite("<bytes>", pictures, extension=".gif", duration=frame_ms, loop=0)
    return data


def require_mp4() -> None:
    """Raise an error if the package for MP4 films is not installed.

    Raises:
        MissingExtraError: Says how to install it.
    """
    if importlib.util.find_spec("imageio_ffmpeg") is None:
        raise MissingExtraError(
            f"format=mp4 needs the package imageio-ffmpeg: {install('mp4')}; format=gif needs nothing more"
        )


def encode_mp4(frames: Sequence[NDArray[np.uint8]], frame_ms: int) -> bytes:
    """Return pictures of one size as the bytes of an MP4 film (H.264), which every browser shows.

    Args:
        frames: At least one picture, grey or RGB; height and width must be even, as the format demands.
        frame_ms: How long each is shown, in milliseconds.

    Raises:
        ValueError: There are no frames, or their size is odd.
        MissingExtraError: The package imageio-ffmpeg is not installed.
    """
    if not frames:
        raise ValueError("a film needs at least one frame")
    if any(side % 2 for side in frames[0].shape[:2]):
        raise ValueError(f"an MP4 film needs an even height and width, got {frames[0].shape[:2]}")
    require_mp4()
    data: bytes = imageio.imwrite(
        "<bytes>", list(frames), extension=".mp4", plugin="FFMPEG", fps=1000 / frame_ms, macro_block_size=2
    )
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
