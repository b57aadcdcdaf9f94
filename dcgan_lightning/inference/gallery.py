"""What ``generate`` leaves in its folder: grids, single images, films, tables. One function for each kind."""

import contextlib
import csv
import math
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dcgan_lightning.config.data import CLASS_NAMES, class_title
from dcgan_lightning.evaluation.fashion_mnist.garments import Garments
from dcgan_lightning.inference.latent import path
from dcgan_lightning.networks import NoiseGenerator
from dcgan_lightning.networks.sampling import generate_images
from dcgan_lightning.pictures import (
    draw_labelled_grid,
    encode_each_png,
    encode_gif,
    encode_mp4,
    encode_png,
    make_grid,
)

GRID_LIMIT = 400  # images of a grid; the rest would be too small to see
LABELLED_LIMIT = 100  # the same where each has a caption
STRIP_COLUMNS = 16  # steps of a strip's row; a film shows all


@dataclass(frozen=True)
class FilmSettings:
    """How a film is shown and kept.

    Attributes:
        frame_ms: How long a frame is shown, in milliseconds, a multiple of 10.
        kind: Its format.
    """

    frame_ms: int = 60
    kind: Literal["gif", "mp4"] = "gif"


def write_images(
    folder: Path,
    blocks: Iterable[Tensor],
    count: int,
    first: int = 0,
    columns: int | None = None,
    scale: int = 4,
    png: bool = True,
    npz: bool = False,
) -> None:
    """Write ``grid.png`` with the first images, and each as ``image_000000.png`` or all as ``images.npz``.

    Args:
        folder: Where to.
        blocks: The images, uint8 (n, C, 28, 28) each; only one is held at a time, and the grid's.
        count: Images in all blocks.
        first: Number of the first one.
        columns: Of the grid; as many as rows if not given.
        scale: Side of the square that each pixel of the grid becomes.
        png: Write single images, in their own size.
        npz: Write ``images.npz``: ``images``, uint8 (count, C, 28, 28).
    """
    shown: list[Tensor] = []
    number = first
    with contextlib.ExitStack() as stack:
        keep = stack.enter_context(_npz_writer(folder / "images.npz", count)) if npz else None
        for block in blocks:
            if keep:
                keep(block)
            if png:
                _write_singles(folder, block, range(number, number + len(block)))
            if number < first + GRID_LIMIT:
                shown.append(block[: first + GRID_LIMIT - number])
            number += len(block)
    if (images := torch.cat(shown)).shape[1] in (1, 3):  # others cannot be shown
        _write_grid(folder / "grid.png", images, columns, scale)


def write_interpolation(
    folder: Path,
    generator: NoiseGenerator,
    points: Tensor,
    steps: int,
    scale: int,
    film: FilmSettings,
    first: int = 0,
) -> None:
    """Write the way from point to point as ``strip.png``, a row for each pair, and as a film.

    Args:
        folder: Where to.
        generator: Makes the images.
        points: Noise vectors (P, latent_dim) with P at least 2.
        steps: Frames from one point to the next.
        scale: Side of the square that each pixel of the strip becomes; in the film it is twice that.
        film: How the film is kept.
        first: Number of the first point's image, for the captions below the ends.
    """
    frames = generate_images(generator, path(points, steps))
    shown = torch.arange(min(steps, STRIP_COLUMNS) + 1) * steps // min(steps, STRIP_COLUMNS)
    rows = torch.arange(len(points) - 1)[:, None] * steps + shown
    between = [""] * (len(shown) - 2)
    picture = draw_labelled_grid(
        [frames[row] for row in rows],
        labels=[""] * len(rows),
        captions=[
            [f"image {number}", *between, f"image {number + 1}"] for number in range(first, first + len(rows))
        ],
        scale=scale,
    )
    (folder / "strip.png").write_bytes(picture)
    _write_film(folder, [make_grid(frame[None], 1, 2 * scale, padding=0) for frame in frames], film)


def write_walk(
    folder: Path, generator: NoiseGenerator, points: Tensor, steps: int, scale: int, film: FilmSettings
) -> None:
    """Write endless tours, side by side in one film, and their points as ``points.png``, a row for each tour.

    Args:
        folder: Where to.
        generator: Makes the images.
        points: Noise vectors (tours, P, latent_dim) with P at least 2.
        steps: Frames from one point to the next.
        scale: Side of the square that each pixel becomes.
        film: How the film is kept.
    """
    tours = [path(tour, steps, is_closed=True, rests=True) for tour in points]
    frames = torch.stack([generate_images(generator, tour) for tour in tours], dim=1)
    _write_grid(folder / "points.png", frames[::steps].transpose(0, 1).flatten(0, 1), points.shape[1], scale)
    _write_film(folder, [make_grid(frame, _columns(len(tours)), scale) for frame in frames], film)


def write_neighbours(
    folder: Path,
    images: Tensor,
    numbers: Sequence[int],
    train: Tensor,
    indices: Tensor,
    distances: Tensor,
    scale: int,
) -> None:
    """Write each image beside the training images most like it, as ``neighbours.png`` and ``.csv``.

    Below each training image stands how far its features are, by which they are ranked. The table also has
    how far its pixels are: the root of the mean squared difference, in grey values from 0 to 255.

    Args:
        folder: Where to.
        images: uint8 (N, 1, 28, 28).
        numbers: N numbers to make them again.
        train: Training images, uint8 (M, 1, 28, 28).
        indices: int64 (N, k), the nearest training images of each, the nearest first.
        distances: (N, k), how far their features are.
        scale: Side of the square that each pixel becomes.
    """
    found = train[indices]  # (N, k, 1, 28, 28)
    pixels = (images[:, None].float() - found.float()).square().mean(dim=(2, 3, 4)).sqrt()
    places = range(1, indices.shape[1] + 1)
    _write_table(
        folder / "neighbours.csv",
        ("number", "place", "training_image", "feature_distance", "pixel_distance"),
        [
            (
                number,
                place + 1,
                int(indices[row, place]),
                float(distances[row, place]),
                float(pixels[row, place]),
            )
            for row, number in enumerate(numbers)
            for place in range(indices.shape[1])
        ],
    )
    picture = draw_labelled_grid(
        [torch.cat([image[None], row]) for image, row in zip(images, found, strict=True)],
        labels=[f"image {number}" for number in numbers],
        captions=[["", *(f"{distance:.1f}" for distance in row)] for row in distances.tolist()],
        titles=["generated", "nearest", *map(_ordinal, places[1:])],
        scale=scale,
        gap_after=1,
        headings={0: "The nearest training images by the classifier's features, with their distance"},
    )
    (folder / "neighbours.png").write_bytes(picture)


def write_atlas(
    folder: Path, groups: Sequence[Garments], scale: int, png: bool = True, searched: int | None = None
) -> None:
    """Write garments sorted by class with the classifier's confidence, as ``atlas.png`` and ``.csv``.

    Args:
        folder: Where to.
        groups: A row for each class, in the order of ``CLASS_NAMES``.
        scale: Side of the square that each pixel becomes.
        png: Also write each image by itself.
        searched: Among how many images they were found.
    """
    most = max(map(len, groups))
    among = "" if searched is None else f" in {searched:,}"
    picture = draw_labelled_grid(
        [group.images for group in groups],
        labels=[*map(class_title, CLASS_NAMES)],
        captions=[_percentages(group) for group in groups],
        scale=scale,
        headings={0: "The clearest images of each class, and how sure the classifier is of it"},
        notes=["" if len(group) == most else f"{len(group) or 'none'}{among}" for group in groups],
    )
    (folder / "atlas.png").write_bytes(picture)
    _write_garments(folder / "atlas.csv", groups)
    if png:
        for group in groups:
            _write_singles(folder, group.images, group.numbers.tolist())


def write_class(folder: Path, garments: Garments, columns: int | None, scale: int, png: bool = True) -> None:
    """Write garments of one class with numbers and confidences, as ``<class>.png`` and ``<class>.csv``.

    Args:
        folder: Where to.
        garments: At least one; the picture shows the first 100.
        columns: Of the picture; as many as rows if not given.
        scale: Side of the square that each pixel becomes.
        png: Also write each image by itself.
    """
    name = CLASS_NAMES[int(garments.classes[0])]
    shown = garments.take(torch.arange(min(len(garments), LABELLED_LIMIT)))
    columns = columns or _columns(len(shown))
    starts = range(0, len(shown), columns)
    numbers, percentages = shown.numbers.tolist(), _percentages(shown)
    captions = [f"{number}  {share}" for number, share in zip(numbers, percentages, strict=True)]
    picture = draw_labelled_grid(
        list(shown.images.split(columns)),
        labels=["" for _ in starts],
        captions=[captions[start : start + columns] for start in starts],
        scale=scale,
    )
    (folder / f"{name}.png").write_bytes(picture)
    _write_garments(folder / f"{name}.csv", [garments])
    if png:
        _write_singles(folder, garments.images, garments.numbers.tolist())


def _columns(count: int) -> int:
    """Return how many columns make a grid about square."""
    return math.isqrt(count - 1) + 1


def _ordinal(number: int) -> str:
    """Return "2nd", "3rd", "11th"."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _percentages(garments: Garments) -> list[str]:
    return [f"{confidence:.0%}" for confidence in garments.confidences.tolist()]


def _write_grid(file: Path, images: Tensor, columns: int | None, scale: int) -> None:
    file.write_bytes(encode_png(make_grid(images, columns or _columns(len(images)), scale)))


def _write_singles(folder: Path, images: Tensor, numbers: Iterable[int]) -> None:
    for number, data in zip(numbers, encode_each_png(images), strict=True):
        (folder / f"image_{number:06d}.png").write_bytes(data)


def _write_film(folder: Path, frames: Sequence[NDArray[np.uint8]], film: FilmSettings) -> None:
    encode = {"gif": encode_gif, "mp4": encode_mp4}[film.kind]
    (folder / f"film.{film.kind}").write_bytes(encode(frames, film.frame_ms))


def _write_garments(file: Path, groups: Iterable[Garments]) -> None:
    rows = [
        (number, CLASS_NAMES[index], f"{confidence:.6f}")
        for group in groups
        for number, index, confidence in zip(
            group.numbers.tolist(), group.classes.tolist(), group.confidences.tolist(), strict=True
        )
    ]
    _write_table(file, ("number", "class", "confidence"), rows)


def _write_table(file: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with file.open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream, lineterminator="\n").writerows([header, *rows])


@contextlib.contextmanager
def _npz_writer(file: Path, count: int) -> Iterator[Callable[[Tensor], None]]:
    """Give a function that appends uint8 images to the array ``images`` of an .npz file.

    NumPy's own ``savez`` would need all of them in memory.
    """
    has_header = False
    entry = zipfile.ZipInfo("images.npy")  # with a fixed date: same images, same bytes
    with zipfile.ZipFile(file, "w") as archive, archive.open(entry, "w", force_zip64=True) as stream:

        def append(images: Tensor) -> None:
            nonlocal has_header
            if not has_header:
                header = {"descr": "|u1", "fortran_order": False, "shape": (count, *images.shape[1:])}
                np.lib.format.write_array_header_1_0(stream, header)
                has_header = True
            stream.write(images.numpy().tobytes())

        yield append
