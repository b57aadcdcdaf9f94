"""Films and pictures of paths through the latent space, for ``generate``."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from dcgan_lightning.inference.gallery import grid_columns, write_grid
from dcgan_lightning.inference.latent import mix, path
from dcgan_lightning.networks import NoiseGenerator
from dcgan_lightning.networks.sampling import generate_images
from dcgan_lightning.pictures import draw_labelled_grid, encode_gif, encode_mp4, make_grid

STRIP_COLUMNS = 16  # steps in a row of the strip; the film shows all


@dataclass(frozen=True)
class FilmSettings:
    """Settings of a film and of the picture beside it.

    Attributes:
        steps: Frames from one point to the next.
        scale: Magnification of the pictures.
        frame_ms: Duration of a frame in milliseconds, a multiple of 10.
        kind: File format.
    """

    steps: int
    scale: int
    frame_ms: int = 60
    kind: Literal["gif", "mp4"] = "gif"


def write_interpolation(
    folder: Path,
    generator: NoiseGenerator,
    points: Tensor,
    labels: Tensor | None,
    film: FilmSettings,
    first: int = 0,
) -> None:
    """Write the path from point to point as ``strip.png``, with a row per pair of points, and as a film.

    Args:
        folder: Output folder.
        generator: The generator.
        points: Noise vectors (P, latent_dim), P >= 2.
        labels: Classes of the points, (P,), which are mixed between them; None for an unconditional
            generator.
        film: Settings of the film, which has twice the strip's magnification.
        first: Number of the first point's image, for the captions below the ends.
    """
    mixtures = None if labels is None else path(_one_hot(labels, generator), film.steps, way=mix)
    frames = generate_images(generator, path(points, film.steps), mixtures)
    columns = min(film.steps, STRIP_COLUMNS)
    shown = torch.arange(columns + 1) * film.steps // columns
    rows = torch.arange(len(points) - 1)[:, None] * film.steps + shown
    between = [""] * (len(shown) - 2)
    picture = draw_labelled_grid(
        [frames[row] for row in rows],
        labels=[""] * len(rows),
        captions=[
            [f"image {number}", *between, f"image {number + 1}"] for number in range(first, first + len(rows))
        ],
        scale=film.scale,
    )
    (folder / "strip.png").write_bytes(picture)
    _write_film(folder, [make_grid(frame[None], 1, 2 * film.scale, padding=0) for frame in frames], film)


def write_walk(
    folder: Path,
    generator: NoiseGenerator,
    points: Tensor,
    labels: Tensor | None,
    film: FilmSettings,
) -> None:
    """Write looping tours side by side as a film, and their points as ``points.png`` with a row per tour.

    Args:
        folder: Output folder.
        generator: The generator.
        points: Noise vectors (tours, P, latent_dim), P >= 2.
        labels: Class of each tour, (tours,); None for an unconditional generator.
        film: Settings of the film.
    """
    tours = []
    for number, tour in enumerate(points):
        way = path(tour, film.steps, is_closed=True, rests=True)
        tours.append(
            generate_images(generator, way, None if labels is None else labels[number].expand(len(way)))
        )
    frames = torch.stack(tours, dim=1)
    images = frames[:: film.steps].transpose(0, 1).flatten(0, 1)
    write_grid(folder / "points.png", images, points.shape[1], film.scale)
    _write_film(folder, [make_grid(frame, grid_columns(len(tours)), film.scale) for frame in frames], film)


def _one_hot(labels: Tensor, generator: NoiseGenerator) -> Tensor:
    return F.one_hot(labels, generator.classes).float()


def _write_film(folder: Path, frames: Sequence[NDArray[np.uint8]], film: FilmSettings) -> None:
    encode = {"gif": encode_gif, "mp4": encode_mp4}[film.kind]
    (folder / f"film.{film.kind}").write_bytes(encode(frames, film.frame_ms))
