import csv
import os
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from classifier_stand_in import BrightnessClassifier, flat_images

from dcgan_lightning.evaluation.fashion_mnist.garments import classify
from dcgan_lightning.inference import gallery
from dcgan_lightning.networks import Generator
from dcgan_lightning.networks.sampling import sample_blocks, sample_images
from dcgan_lightning.pictures import decode_png, make_grid


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator(latent_dim=6, channels=(8, 6, 4), generator=torch.Generator().manual_seed(0)).eval()


def table(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_images_as_grid_singles_and_archive(tmp_path: Path, generator: Generator) -> None:
    images = sample_images(generator, 300, seed=2, first=5)
    blocks = sample_blocks(generator, 300, seed=2, first=5)
    gallery.write_images(tmp_path, blocks, 300, first=5, columns=20, scale=2, npz=True)
    singles = {f"image_{number:06d}.png" for number in range(5, 305)}
    assert set(os.listdir(tmp_path)) == singles | {"grid.png", "images.npz"}
    for index in (0, 250, 251, 299):
        single = decode_png((tmp_path / f"image_{index + 5:06d}.png").read_bytes())
        assert np.array_equal(single, images[index, 0].numpy())
    assert np.array_equal(decode_png((tmp_path / "grid.png").read_bytes()), make_grid(images, 20, 2))
    with np.load(tmp_path / "images.npz") as archive:
        assert archive.files == ["images"]
        assert archive["images"].dtype == np.uint8
        assert np.array_equal(archive["images"], images.numpy())


def test_a_grid_is_about_square(tmp_path: Path) -> None:
    gallery.write_images(tmp_path, [flat_images(*range(10))], 10, scale=1, png=False)
    assert decode_png((tmp_path / "grid.png").read_bytes()).shape == (3 * 30 + 2, 4 * 30 + 2)
    assert os.listdir(tmp_path) == ["grid.png"]


def test_many_images_take_the_memory_of_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gallery, "GRID_LIMIT", 3)
    alive: list[weakref.ref[torch.Tensor]] = []

    def blocks() -> Iterator[torch.Tensor]:
        for number in range(20):
            block = torch.full((2, 1, 28, 28), number, dtype=torch.uint8)
            alive.append(weakref.ref(block.untyped_storage()))
            assert sum(reference() is not None for reference in alive) <= 4  # two of the grid, this, the last
            yield block

    gallery.write_images(tmp_path, blocks(), 40, scale=1, npz=True)
    assert len(alive) == 20
    expected = make_grid(flat_images(0, 0, 1), 2, 1)
    assert np.array_equal(decode_png((tmp_path / "grid.png").read_bytes()), expected)
    with np.load(tmp_path / "images.npz") as archive:
        assert archive["images"][:, 0, 0, 0].tolist() == [number for number in range(20) for _ in range(2)]


def test_images_that_cannot_be_shown_can_be_kept(tmp_path: Path) -> None:
    images = torch.randint(0, 256, (3, 5, 28, 28), dtype=torch.uint8)
    gallery.write_images(tmp_path, [images], 3, png=False, npz=True)
    assert os.listdir(tmp_path) == ["images.npz"]
    with np.load(tmp_path / "images.npz") as archive:
        assert np.array_equal(archive["images"], images.numpy())


def test_neighbours_are_named_by_their_rank_and_its_measure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[dict[str, Any]] = []
    monkeypatch.setattr(gallery, "draw_labelled_grid", lambda rows, **words: drawn.append(words) or b"")
    train, distances = flat_images(*range(24)), torch.arange(24.0)[None]
    gallery.write_neighbours(tmp_path, flat_images(3), [7], train, torch.arange(24)[None], distances, scale=1)
    words = drawn[0]
    assert words["titles"][:5] == ["generated", "nearest", "2nd", "3rd", "4th"]
    assert words["titles"][11:14] == ["11th", "12th", "13th"]
    assert words["titles"][21:] == ["21st", "22nd", "23rd", "24th"]
    assert words["captions"] == [["", *(f"{distance}.0" for distance in range(24))]]
    assert words["labels"] == ["image 7"]


def test_an_atlas_says_what_it_has_not_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[dict[str, Any]] = []
    monkeypatch.setattr(gallery, "draw_labelled_grid", lambda rows, **words: drawn.append(words) or b"")
    (garments,) = classify([flat_images(12, 13, 140)], BrightnessClassifier())
    groups = [garments.take(garments.classes == index) for index in range(10)]
    gallery.write_atlas(tmp_path, groups, scale=1, searched=5120)
    assert drawn[0]["notes"] == ["", *["none in 5,120"] * 4, "1 in 5,120", *["none in 5,120"] * 4]
    assert drawn[0]["labels"][0] == "T-shirt"
    assert drawn[0]["labels"][9] == "ankle boot"


def test_neighbours_as_table_and_picture(tmp_path: Path) -> None:
    train = flat_images(0, 100, 110, 255)
    indices, distances = torch.tensor([[1, 2], [3, 2]]), torch.tensor([[1.0, 2.5], [0.0, 7.0]])
    gallery.write_neighbours(tmp_path, flat_images(103, 250), [40, 41], train, indices, distances, scale=3)
    rows = table(tmp_path / "neighbours.csv")
    assert [row["number"] for row in rows] == ["40", "40", "41", "41"]
    assert [row["training_image"] for row in rows] == ["1", "2", "3", "2"]
    assert [float(row["feature_distance"]) for row in rows] == [1.0, 2.5, 0.0, 7.0]
    assert [float(row["pixel_distance"]) for row in rows] == [3.0, 7.0, 5.0, 140.0]
    picture = decode_png((tmp_path / "neighbours.png").read_bytes())[..., 0]
    for grey, count in ((103, 1), (100, 1), (110, 2), (250, 1)):
        assert (picture == grey).sum() >= count * (28 * 3) ** 2


def test_an_atlas_has_a_row_for_each_class(tmp_path: Path) -> None:
    (garments,) = classify([flat_images(12, 13, 140)], BrightnessClassifier(), first=60)
    groups = [garments.take(garments.classes == index) for index in range(10)]
    gallery.write_atlas(tmp_path, groups, scale=2)
    assert table(tmp_path / "atlas.csv") == [
        {"number": str(number), "class": name, "confidence": f"{confidence:.6f}"}
        for number, name, confidence in zip(
            (60, 61, 62), ("t_shirt", "t_shirt", "sandal"), garments.confidences.tolist(), strict=True
        )
    ]
    singles = {"image_000060.png", "image_000061.png", "image_000062.png"}
    assert set(os.listdir(tmp_path)) == singles | {"atlas.png", "atlas.csv"}
    picture = decode_png((tmp_path / "atlas.png").read_bytes())[..., 0]
    first, sixth = (np.flatnonzero((picture == grey).sum(axis=1) >= 28 * 2)[0] for grey in (13, 140))
    assert sixth - first == 5 * (28 + 8 + 4) * 2  # five rows further down


def test_garments_of_a_class(tmp_path: Path) -> None:
    (garments,) = classify([flat_images(250, 251, 252)], BrightnessClassifier(), first=7)
    gallery.write_class(tmp_path, garments, None, scale=2, png=False)
    assert set(os.listdir(tmp_path)) == {"ankle_boot.png", "ankle_boot.csv"}
    rows = table(tmp_path / "ankle_boot.csv")
    assert [(row["number"], row["class"]) for row in rows] == [(str(n), "ankle_boot") for n in (7, 8, 9)]
    picture = decode_png((tmp_path / "ankle_boot.png").read_bytes())[..., 0]
    ys, xs = np.nonzero(picture == 252)
    assert np.median(ys) > np.median(np.nonzero(picture == 250)[0])  # two a row: the third is below the first
    assert abs(np.median(xs) - np.median(np.nonzero(picture == 250)[1])) <= 2


def test_names_of_files_have_no_blanks(tmp_path: Path) -> None:
    images = torch.zeros(3, 2, 1, 28, 28, dtype=torch.uint8)
    gallery.write_classes(tmp_path, images, ["my cats", ".a/b\t c", "plain"], first=7, scale=1)
    beginnings = ("my_cats", "_a_b__c", "plain")
    singles = {f"{name}_{number:06d}.png" for name in beginnings for number in (7, 8)}
    assert {path.name for path in tmp_path.iterdir()} == singles | {"atlas.png", "atlas.csv"}
