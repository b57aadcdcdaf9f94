import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageSequence
from shown_pictures import shown_images

from dcgan_lightning.inference import films
from dcgan_lightning.inference.latent import path
from dcgan_lightning.networks import Generator, SNGANGenerator
from dcgan_lightning.networks.sampling import generate_images, sample_noise
from dcgan_lightning.pictures import decode_png, make_grid


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator(latent_dim=6, channels=(8, 6, 4), generator=torch.Generator().manual_seed(0)).eval()


def film_frames(file: Path) -> list[np.ndarray]:
    with Image.open(file) as film:
        return [np.asarray(frame.convert("L")) for frame in ImageSequence.Iterator(film)]


def test_interpolation_shows_the_way_in_strip_and_film(tmp_path: Path, generator: Generator) -> None:
    points = sample_noise(6, 3, seed=1)
    films.write_interpolation(tmp_path, generator, points, None, films.FilmSettings(4, 2))
    images = generate_images(generator, path(points, 4))
    rows = torch.cat([images[0:5], images[4:9]])
    assert np.array_equal(shown_images(tmp_path / "strip.png", 2, 5, 2), rows[:, 0].numpy())
    frames = film_frames(tmp_path / "film.gif")
    assert frames[0].shape == (28 * 4, 28 * 4)
    assert np.array_equal(frames[0][::4, ::4], images[0, 0].numpy())
    assert np.array_equal(frames[-1][::4, ::4], images[8, 0].numpy())
    assert np.array_equal(make_grid(images[4:5], 1, 4, padding=0), frames[4])


def test_a_strip_of_many_steps_shows_some(tmp_path: Path, generator: Generator) -> None:
    points = sample_noise(6, 2, seed=1)
    films.write_interpolation(tmp_path, generator, points, None, films.FilmSettings(32, 1))
    images = generate_images(generator, path(points, 32))[::2]
    assert np.array_equal(shown_images(tmp_path / "strip.png", 1, 17, 1), images[:, 0].numpy())


def test_the_ends_of_a_strip_are_named(
    tmp_path: Path, generator: Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[dict[str, Any]] = []
    monkeypatch.setattr(films, "draw_labelled_grid", lambda rows, **words: drawn.append(words) or b"")
    films.write_interpolation(
        tmp_path, generator, sample_noise(6, 3), None, films.FilmSettings(2, 1), first=9
    )
    assert drawn[0]["captions"] == [["image 9", "", "image 10"], ["image 10", "", "image 11"]]


def test_walk_shows_the_tours_side_by_side(tmp_path: Path, generator: Generator) -> None:
    points = sample_noise(6, 6, seed=1).view(3, 2, 6)
    films.write_walk(tmp_path, generator, points, None, films.FilmSettings(4, 1))
    images = generate_images(generator, points.flatten(0, 1))
    assert np.array_equal(decode_png((tmp_path / "points.png").read_bytes()), make_grid(images, 2, 1))
    frames = film_frames(tmp_path / "film.gif")
    assert len(frames) == 8
    assert np.array_equal(frames[0], make_grid(images[0::2], 2, 1))
    assert np.array_equal(frames[4], make_grid(images[1::2], 2, 1))
    steps = [np.abs(one.astype(int) - two).mean() for one, two in itertools.pairwise(frames)]
    assert np.abs(frames[-1].astype(int) - frames[0]).mean() < 1.5 * max(
        steps
    )  # no jerk where it starts anew


def test_a_walk_as_mp4(tmp_path: Path, generator: Generator) -> None:
    points = sample_noise(6, 2).view(1, 2, 6)
    films.write_walk(tmp_path, generator, points, None, films.FilmSettings(2, 2, kind="mp4"))
    assert (tmp_path / "film.mp4").read_bytes()[4:8] == b"ftyp"


@pytest.fixture
def conditional() -> SNGANGenerator:
    """Return a generator that makes another image of each class."""
    generator = SNGANGenerator(6, (8, 4), classes=3, generator=torch.Generator().manual_seed(0))
    assert generator.norm.shift is not None
    torch.nn.init.normal_(generator.norm.shift.weight, generator=torch.Generator().manual_seed(1))
    return generator.eval()


def test_the_way_between_classes_is_a_mixture(tmp_path: Path, conditional: SNGANGenerator) -> None:
    points, labels = sample_noise(6, 2, seed=1), torch.tensor([2, 0])
    films.write_interpolation(tmp_path, conditional, points, labels, films.FilmSettings(4, 1))
    shown = shown_images(tmp_path / "strip.png", 1, 5, 1)
    ends = generate_images(conditional, points, labels)
    assert np.array_equal(shown[[0, -1]], ends[:, 0].numpy())
    middle = generate_images(conditional, path(points, 4)[2:3], torch.tensor([[0.5, 0, 0.5]]))
    assert np.array_equal(shown[2], middle[0, 0].numpy())


def test_each_tour_keeps_its_class(tmp_path: Path, conditional: SNGANGenerator) -> None:
    points, labels = sample_noise(6, 6, seed=1).view(3, 2, 6), torch.tensor([0, 1, 2])
    films.write_walk(tmp_path, conditional, points, labels, films.FilmSettings(2, 1))
    expected = generate_images(conditional, points.flatten(0, 1), labels.repeat_interleave(2))
    assert np.array_equal(decode_png((tmp_path / "points.png").read_bytes()), make_grid(expected, 2, 1))
