"""Pictures that a page holds in itself."""

import base64
from dataclasses import dataclass


@dataclass(frozen=True)
class Picture:
    """The bytes of a PNG file; ``is_pixels`` if they are to be scaled without smoothing."""

    png: bytes
    is_pixels: bool


def data_uri(data: bytes, kind: str) -> str:
    """Return bytes as an address that holds them; ``kind`` is a media type."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"


def png_size(png: bytes) -> tuple[int, int]:
    """Return width and height in pixels, from the first bytes of a PNG file."""
    return int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")


def is_wide(png: bytes) -> bool:
    """Tell whether a picture is so wide that half of the page is too little for it."""
    width, height = png_size(png)
    return width > 1.25 * height
