"""Writes the output files of ``generate``: grids, single images, archives and tables."""

import contextlib
import csv
import math
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dcgan_lightning.config.data import CLASS_NAMES, class_title
from dcgan_lightning.evaluation.fashion_mnist.garments import Garments
from dcgan_lightning.pictures import (
    draw_labelled_grid,
    encode_each_png,
    encode_png,
    make_grid,
)

GRID_LIMIT = 400  # images of a grid; the rest would be too small to see
LABELLED_LIMIT = 100  # images of a grid with captions


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
        folder: Output folder.
        blocks: Blocks of images, uint8 (n, C, H, W); only one block and the grid are in memory at a time.
        count: Number of images in all blocks.
        first: Number of the first image.
        columns: Columns of the grid; as many as rows if not given.
        scale: Magnification of the grid.
        png: Write single images, without magnification.
        npz: Write ``images.npz``: ``images``, uint8 (count, C, H, W).
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
        write_grid(folder / "grid.png", images, columns, scale)


def write_neighbours(
    folder: Path,
    images: Tensor,
    numbers: Sequence[int],
    train: Tensor,
    indices: Tensor,
    distances: Tensor,
    scale: int,
    likeness: str = "the classifier's features",
) -> None:
    """Write each image beside its nearest training images, as ``neighbours.png`` and ``.csv``.

    The caption of a training image is the distance of its features, by which training images are ranked. The
    table also has the distance of the pixels: the root mean square difference, in grey levels from 0 to 255.

    Args:
        folder: Output folder.
        images: uint8 (N, C, H, W).
        numbers: The N numbers of the images.
        train: Training images, uint8 (M, C, H, W).
        indices: Indices of the nearest training images of each image, int64 (N, k), in ascending distance.
        distances: Distances of their features, (N, k).
        scale: Magnification of the picture.
        likeness: What is compared, for the heading.
    """
    found = train[indices]  # (N, k, C, H, W)
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
        headings={0: f"The nearest training images by {likeness}, with their distance"},
    )
    (folder / "neighbours.png").write_bytes(picture)


def write_atlas(
    folder: Path, groups: Sequence[Garments], scale: int, png: bool = True, searched: int | None = None
) -> None:
    """Write garments sorted by class with the classifier's confidence, as ``atlas.png`` and ``.csv``.

    Args:
        folder: Output folder.
        groups: A row per class, in the order of ``CLASS_NAMES``.
        scale: Magnification of the picture.
        png: Also write each image to its own file.
        searched: Number of images that were searched.
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


def write_classes(
    folder: Path, images: Tensor, names: Sequence[str], first: int, scale: int, png: bool = True
) -> None:
    """Write images of each class from the same noise, as ``atlas.png`` and ``atlas.csv``.

    Args:
        folder: Output folder.
        images: uint8 (classes, N, C, H, W); the images of a column have the same noise vector.
        names: Names of the classes.
        first: Number of the first noise vector.
        scale: Magnification of the picture.
        png: Also write each image to its own file, ``<class>_000000.png``.
    """
    numbers = range(first, first + images.shape[1])
    picture = draw_labelled_grid(
        list(images),
        labels=[*map(class_title, names)],
        captions=[[""] * len(numbers) for _ in names],
        scale=scale,
        headings={0: "Each column uses the same noise vector"},
    )
    (folder / "atlas.png").write_bytes(picture)
    _write_table(
        folder / "atlas.csv", ("number", "class"), [(number, name) for name in names for number in numbers]
    )
    for name, row in zip(names, images, strict=True) if png else ():
        _write_singles(folder, row, numbers, file_name(name))


def file_name(name: str) -> str:
    """Return the name of a class as a valid beginning of a file name, without blanks."""
    plain = "".join(
        "_" if letter in "/\\" or letter.isspace() or not letter.isprintable() else letter for letter in name
    )
    return f"_{plain[1:]}" if plain.startswith(".") else plain


def write_class(folder: Path, garments: Garments, columns: int | None, scale: int, png: bool = True) -> None:
    """Write garments of one class with numbers and confidences, as ``<class>.png`` and ``<class>.csv``.

    Args:
        folder: Output folder.
        garments: At least one; the picture shows the first 100.
        columns: Columns of the picture; as many as rows if not given.
        scale: Magnification of the picture.
        png: Also write each image to its own file.
    """
    name = CLASS_NAMES[int(garments.classes[0])]
    shown = garments.take(torch.arange(min(len(garments), LABELLED_LIMIT)))
    columns = columns or grid_columns(len(shown))
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


def grid_columns(count: int) -> int:
    """Return the number of columns of a nearly square grid."""
    return math.isqrt(count - 1) + 1


def _ordinal(number: int) -> str:
    """Return "2nd", "3rd", "11th"."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _percentages(garments: Garments) -> list[str]:
    return [f"{confidence:.0%}" for confidence in garments.confidences.tolist()]


def write_grid(file: Path, images: Tensor, columns: int | None, scale: int) -> None:
    """Write uint8 images (N, C, H, W) as a grid, with about as many columns as rows if None is given."""
    file.write_bytes(encode_png(make_grid(images, columns or grid_columns(len(images)), scale)))


def _write_singles(folder: Path, images: Tensor, numbers: Iterable[int], name: str = "image") -> None:
    for number, data in zip(numbers, encode_each_png(images), strict=True):
        (folder / f"{name}_{number:06d}.png").write_bytes(data)


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
    """Yield a function that appends uint8 images to the array ``images`` of an .npz file.

    NumPy's ``savez`` would need all images in memory.
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
