"""A folder of pictures of several sizes, formats and defects, for tests: no network, always the same."""

import io
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

FORMATS = (("png", "PNG"), ("jpg", "JPEG"), ("webp", "WEBP"), ("bmp", "BMP"), ("tif", "TIFF"), ("gif", "GIF"))
CLASSES = ("blue_disc", "green_bar", "red_ring")
DEFECTS = {
    "blue_disc/empty.png": "the file is empty",
    "blue_disc/half.jpg": "damaged",
    "green_bar/link.png": "a link that leads out of the folder",
    "green_bar/text.jpg": "not an image",
    "red_ring/tiny.gif": "only 3 x 3 pixels",
}


def draw(label: int, width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Return a textured picture of a class."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    x, y = x - rng.uniform(-0.2, 0.2), y - rng.uniform(-0.2, 0.2)
    radius, size = np.hypot(x, y), rng.uniform(0.4, 0.7)
    shape = (radius < size, abs(y) < size / 2, abs(radius - size) < 0.15)[label]
    texture = 30 * np.sin(rng.uniform(8, 20) * x + rng.uniform(8, 20) * y)
    pixels = np.stack([texture + 40 + 160 * shape * (channel == 2 - label) for channel in range(3)], -1)
    return Image.fromarray((pixels + rng.normal(0, 6, pixels.shape)).clip(0, 255).astype(np.uint8))


def dress(garment: NDArray[np.uint8], width: int, height: int, rng: np.random.Generator) -> Image.Image:
    """Return a garment of Fashion-MNIST, (28, 28), in a random colour on a texture."""
    mask = Image.fromarray(garment).resize((width, height), Image.Resampling.BICUBIC)
    coloured = Image.new("RGB", (width, height), tuple(map(int, rng.integers(120, 256, 3))))
    return Image.composite(coloured, draw(int(rng.integers(3)), width, height, rng), mask)


def make_folder(
    root: Path, count: int, seed: int = 0, garments: Mapping[str, NDArray[np.uint8]] | None = None
) -> Path:
    """Fill a folder with ``count`` good pictures, and a file with each of the `DEFECTS`.

    Args:
        root: The folder.
        count: Good pictures.
        seed: Of all that is random.
        garments: Images of Fashion-MNIST, (N, 28, 28), for further classes than the three of `CLASSES`.
    """
    rng = np.random.default_rng(seed)
    garments = garments or {}
    names = (*CLASSES, *garments)
    for number in range(count):
        ending, kind = FORMATS[number % len(FORMATS)]
        label = int(rng.integers(len(names)))
        width, height = map(int, rng.integers(20, 120, 2))
        if (name := names[label]) in garments:
            image = dress(garments[name][number % len(garments[name])], width, height, rng)
        else:
            image = draw(label, width, height, rng)
        if ending == "png":
            mode = ("RGBA", "P", "L", "RGB")[int(rng.integers(4))]
            image = image.convert(mode)
        options = {"exif": turned()} if ending == "jpg" and number % 4 == 1 else {}
        folder = root / name / ("deeper" if number % 5 == 0 else "")
        folder.mkdir(parents=True, exist_ok=True)
        image.save(folder / f"{number:05d}.{ending.upper() if number % 7 == 0 else ending}", kind, **options)
    _add_defects(root, rng)
    return root


def turned() -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def _add_defects(root: Path, rng: np.random.Generator) -> None:
    buffer = io.BytesIO()
    draw(0, 90, 90, rng).save(buffer, "JPEG")
    outside = root.parent / f"outside_{root.name}.png"
    draw(1, 40, 40, rng).save(outside)
    for name in CLASSES:
        (root / name).mkdir(parents=True, exist_ok=True)
    (root / "blue_disc/empty.png").touch()
    (root / "blue_disc/half.jpg").write_bytes(buffer.getvalue()[: len(buffer.getvalue()) // 2])
    os.symlink(outside, root / "green_bar/link.png")
    (root / "green_bar/text.jpg").write_text("no picture")
    Image.new("RGB", (3, 3)).save(root / "red_ring/tiny.gif")
    (root / "readme.txt").write_text("not looked at")
    (root / ".hidden.png").write_bytes(b"not looked at either")
