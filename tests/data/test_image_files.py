import io
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from picture_folder import FORMATS, draw
from PIL import Image

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.data.image_files import ImageForm, decode_image, read_image, silenced

RED, BLUE = (220, 30, 40), (20, 60, 200)


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decoded(data: bytes, **form: Any) -> NDArray[np.uint8]:
    with silenced():
        return decode_image(data, ImageForm(**({"size": 16, "channels": 3} | form)))


def halves(width: int = 64, height: int = 64) -> Image.Image:
    """Return an image whose left half is red and whose right half is blue."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(BLUE, (width // 2, 0, width, height))
    return image


def corners(pixels: NDArray[np.uint8]) -> list[tuple[int, ...]]:
    """Return the colours near the corners, from the top left one clockwise."""
    return [tuple(map(int, pixels[:, y, x])) for y, x in ((2, 2), (2, -3), (-3, -3), (-3, 2))]


def near(found: tuple[int, ...], wanted: tuple[int, ...], by: int = 12) -> bool:
    return max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= by


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("JPEG", {"quality": 95}),
        ("WEBP", {"lossless": True}),
        ("BMP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("GIF", {}),
    ],
)
def test_every_format_has_the_same_picture(kind: str, options: dict[str, Any]) -> None:
    pixels = decoded(encoded(halves(), kind, **options))
    assert pixels.shape == (3, 16, 16)
    for found, wanted in zip(corners(pixels), (RED, BLUE, BLUE, RED), strict=True):
        assert near(found, wanted), kind


def test_only_the_first_frame_of_an_animation_counts() -> None:
    frames = [Image.new("RGB", (20, 20), colour) for colour in (RED, BLUE)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert all(near(found, RED) for found in corners(decoded(data)))


def test_an_image_of_the_wanted_form_stays_to_the_bit() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (28, 28, 3), dtype=np.uint8)
    found = decoded(encoded(Image.fromarray(pixels), "PNG"), size=28)
    np.testing.assert_array_equal(found, pixels.transpose(2, 0, 1))
    grey = decoded(encoded(Image.fromarray(pixels[..., 0]), "PNG"), size=28, channels=1)
    np.testing.assert_array_equal(grey, pixels[None, ..., 0])


def test_wide_images_are_cropped_padded_or_stretched() -> None:
    image = Image.new("RGB", (96, 32), (0, 200, 0))
    image.paste(RED, (0, 0, 32, 32))
    image.paste(BLUE, (64, 0, 96, 32))
    data = encoded(image, "PNG")
    assert all(near(found, (0, 200, 0)) for found in corners(decoded(data, fit="crop")))
    stretched = decoded(data, fit="stretch")
    assert [near(*pair) for pair in zip(corners(stretched), (RED, BLUE, BLUE, RED), strict=True)] == [
        True
    ] * 4
    padded = decoded(data, fit="pad", background="white")
    rows = padded.reshape(3, 16, 16)[0].astype(int)
    assert (rows[:5] == 255).all()
    assert (rows[11:] == 255).all()
    assert near(tuple(map(int, padded[:, 8, 2])), RED)
    assert near(tuple(map(int, padded[:, 8, 13])), BLUE)


def test_reducing_is_antialiased() -> None:
    """A fine chequerboard becomes its mean; a choice of single pixels would be black and white."""
    board = (np.indices((128, 128)).sum(0) % 2 * 255).astype(np.uint8)
    for fit in ("crop", "pad", "stretch"):
        pixels = decoded(encoded(Image.fromarray(board), "PNG"), channels=1, fit=fit)
        assert abs(pixels.astype(int) - 127.5).max() < 5


def test_sixteen_bits_are_scaled_and_not_clipped() -> None:
    ramp = np.linspace(0, 65535, 256).round().astype(np.uint16).reshape(16, 16)
    for kind in ("PNG", "TIFF"):
        pixels = decoded(encoded(Image.fromarray(ramp), kind), channels=1)
        np.testing.assert_array_equal(pixels.flatten(), np.arange(256))


def test_palettes_and_bits_and_inks_are_converted() -> None:
    palette = halves().convert("P", palette=Image.Palette.ADAPTIVE)
    left, right, *_ = corners(decoded(encoded(palette, "PNG")))
    assert near(left, RED)
    assert near(right, BLUE)
    black_and_white = Image.fromarray(np.arange(64).reshape(8, 8) % 2 == 1)
    assert {*decoded(encoded(black_and_white, "PNG"), size=8).flatten().tolist()} == {0, 255}
    inks = encoded(halves().convert("CMYK"), "JPEG", quality=95)
    assert near(corners(decoded(inks))[0], RED, 20)


def test_grey_has_the_usual_weights_of_the_colours() -> None:
    found = decoded(encoded(Image.new("RGB", (20, 20), RED), "PNG"), channels=1)
    assert {*found.flatten().tolist()} == {round(0.299 * 220 + 0.587 * 30 + 0.114 * 40)}


@pytest.mark.parametrize(("background", "shade"), [("black", 0), ("white", 255)])
def test_transparent_pixels_show_the_background(background: str, shade: int) -> None:
    clear = Image.new("RGBA", (20, 20), (*RED, 0))
    clear.paste((*BLUE, 255), (10, 0, 20, 20))
    for data in (encoded(clear, "PNG"), encoded(clear, "WEBP", lossless=True), encoded(clear, "GIF")):
        found = corners(decoded(data, background=background))
        assert near(found[0], (shade,) * 3)
        assert near(found[1], BLUE)
    half = encoded(Image.new("LA", (20, 20), (100, 51)), "PNG")
    wanted = round(0.2 * 100 + 0.8 * shade)
    assert abs(int(decoded(half, background=background)[0, 0, 0]) - wanted) <= 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(
    ("orientation", "wanted"),
    [(1, (RED, BLUE, BLUE, RED)), (3, (BLUE, RED, RED, BLUE)), (6, (RED, RED, BLUE, BLUE)),
     (8, (BLUE, BLUE, RED, RED))],
)  # fmt: skip
def test_images_are_turned_as_their_camera_was_held(kind: str, orientation: int, wanted: Any) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    found = corners(decoded(encoded(halves(), kind, exif=exif)))
    assert [near(*pair, by=20) for pair in zip(found, wanted, strict=True)] == [True] * 4


def test_large_photographs_are_reduced_while_decoding_to_the_same_picture() -> None:
    """JPEG is decoded at a fraction of its size; the result is that of the whole decoding."""
    y, x = np.mgrid[0:512, 0:512] / 512
    waves = [np.sin(6 * x + k) * np.cos(5 * y - k) * 110 + 128 for k in range(3)]
    data = encoded(Image.fromarray(np.stack(waves, -1).astype(np.uint8)), "JPEG", quality=95)
    with Image.open(io.BytesIO(data)) as image:
        whole = np.asarray(image.resize((16, 16), Image.Resampling.LANCZOS)).transpose(2, 0, 1)
    assert abs(decoded(data).astype(int) - whole).max() <= 3


def bomb() -> bytes:
    """Return a PNG of 65,000 x 65,000 pixels in a few bytes."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", 65_000, 65_000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def large_but_honest() -> bytes:
    return encoded(Image.new("1", (11_000, 10_000)), "PNG")


BAD = {
    "the file is empty": b"",
    "not an image in one of the formats PNG, JPEG, WEBP, BMP, TIFF, GIF": b"hello, this is a text\n" * 40,
    "only 5 x 30 pixels, less than 8 a side": encoded(Image.new("RGB", (5, 30)), "PNG"),
    "more than 100,000,000 pixels": bomb(),
    "11000 x 10000 pixels, more than 100,000,000": large_but_honest(),
    "32-bit pixels of an unknown range": encoded(Image.fromarray(np.ones((9, 9), np.float32)), "TIFF"),
    "damaged (image file is truncated": encoded(halves(600, 600), "JPEG")[:-1000],
}


@pytest.mark.parametrize("reason", BAD)
def test_what_cannot_be_used_is_said_in_one_line(reason: str, tmp_path: Path) -> None:
    path = tmp_path / "picture.png"
    path.write_bytes(BAD[reason])
    with pytest.raises(DataError) as caught:
        read_image(path, ImageForm(16, 3))
    message = str(caught.value)
    assert message.startswith(f"{path}: {reason}")
    assert message.endswith("; use another file")
    assert "\n" not in message


def test_pipes_and_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.png: No such file or directory; use another file"):
        read_image(tmp_path / "gone.png", ImageForm(16, 3))
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(DataError, match=r"pipe\.png: it is a pipe where a regular file is expected"):
        read_image(tmp_path / "pipe.png", ImageForm(16, 3))


def test_a_changed_byte_of_a_png_is_noticed_or_changes_nothing() -> None:
    noise = np.random.default_rng(1).integers(0, 256, (20, 20, 3), dtype=np.uint8)
    data = bytearray(encoded(Image.fromarray(noise), "PNG"))
    whole, refused = decoded(bytes(data)), 0
    for place in range(8, len(data), 7):
        damaged = data.copy()
        damaged[place] ^= 0x15
        try:
            np.testing.assert_array_equal(decoded(bytes(damaged)), whole)
        except DataError:
            refused += 1
    assert refused > 0.9 * len(range(8, len(data), 7))


def test_the_result_is_a_tensor(tmp_path: Path) -> None:
    halves(100, 50).save(tmp_path / "x.jpg")
    image = read_image(tmp_path / "x.jpg", ImageForm(32, 1, "pad"))
    assert (image.dtype, image.shape) == (torch.uint8, (1, 32, 32))


def test_changed_bytes_end_in_a_refusal_or_an_image_of_the_form() -> None:
    """5,000 files with one to three changed bytes: no other error, and of a PNG no other picture."""
    rng, files, refused = np.random.default_rng(0), [], 0
    for number, (_, kind) in enumerate(2 * FORMATS):
        image = draw(number % 3, *map(int, rng.integers(20, 120, 2)), rng)
        files.append((kind, encoded(image, kind)))
    wholes = [decoded(data) for _, data in files]
    for number in range(5000):
        (kind, data), whole = files[number % len(files)], wholes[number % len(files)]
        changed = bytearray(data)
        for place in rng.integers(len(changed), size=rng.integers(1, 4)):
            changed[place] = rng.integers(256)
        try:
            pixels = decoded(bytes(changed))
        except DataError:
            refused += 1
        else:
            assert (pixels.shape, pixels.dtype) == ((3, 16, 16), np.uint8)
            assert kind != "PNG" or np.array_equal(pixels, whole)
    assert refused > 1000
