"""Images of chosen classes, from a generator that was trained with classes."""

import csv
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from classifier_stand_in import BrightnessClassifier
from conftest import Compose, files_below

from dcgan_lightning.config.generate import class_index, class_problem, own_spelling
from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.generate import generate
from dcgan_lightning.inference.classes import choose_classes, class_names
from dcgan_lightning.inference.gallery import write_classes
from dcgan_lightning.inference.pretrained import load_generator, load_trained
from dcgan_lightning.networks.sampling import generate_images, sample_images, sample_noise
from dcgan_lightning.pictures import decode_png

Make = Callable[..., Path]


@pytest.fixture
def make(compose_cfg: Compose, conditional_run: Path, tmp_path: Path) -> Make:
    """Return a function: overrides to what generate has made."""

    def call(*overrides: str, ckpt_path: Path = conditional_run) -> Path:
        paths = (f"ckpt_path={ckpt_path}", f"output_dir={tmp_path / 'made'}")
        return generate(
            compose_cfg(*paths, *overrides, config_name="generate"), BrightnessClassifier()
        ).folder

    return call


def single(folder: Path, name: str) -> np.ndarray:
    return decode_png((folder / f"{name}.png").read_bytes())


def test_images_of_one_class(make: Make, conditional_run: Path) -> None:
    folder = make("class=1", "n=3", "seed=2", "first=1")
    expected = sample_images(load_generator(conditional_run), 3, 2, 1, label=1)
    for number in range(3):
        assert np.array_equal(single(folder, f"image_{number + 1:06d}"), expected[number, 0].numpy())
    assert json.loads((folder / "made_with.json").read_text())["class"] == 1


def test_all_classes_take_turns_by_default(make: Make, conditional_run: Path) -> None:
    folder = make("n=4")
    expected = sample_images(load_generator(conditional_run), 4)
    ones = sample_images(load_generator(conditional_run), 4, label=1)
    assert not torch.equal(expected, ones)
    for number in range(4):
        assert np.array_equal(single(folder, f"image_{number:06d}"), expected[number, 0].numpy())
    assert decode_png((folder / "grid.png").read_bytes()).shape[1] < 4 * 28 * 3  # two columns, one a class


def test_an_atlas_has_the_same_noise_in_each_column(make: Make, conditional_run: Path) -> None:
    folder = make("mode=atlas", "n=3", "seed=4")
    generator = load_generator(conditional_run)
    noise = sample_noise(generator.latent_dim, 3, 4)
    names = {"atlas.png", "atlas.csv", "made_with.json"}
    assert files_below(folder) == names | {f"{kind}_{number:06d}.png" for kind in "01" for number in range(3)}
    for label in range(2):
        row = generate_images(generator, noise, torch.full((3,), label))
        for number in range(3):
            assert np.array_equal(single(folder, f"{label}_{number:06d}"), row[number, 0].numpy())
    with (folder / "atlas.csv").open(newline="") as stream:
        rows = [*csv.DictReader(stream)]
    assert [(row["number"], row["class"]) for row in rows] == [(str(n), c) for c in "01" for n in range(3)]


def test_an_atlas_of_chosen_classes(make: Make) -> None:
    folder = make("mode=atlas", "class=[1]", "n=2")
    assert {"1_000000.png", "1_000001.png"} < files_below(folder)
    assert "0_000000.png" not in files_below(folder)


@pytest.mark.parametrize("mode", ["interpolate", "walk"])
def test_films_of_chosen_classes(make: Make, mode: str, tmp_path: Path) -> None:
    films = []
    for kind in ("0", "1", "[0,1]"):
        place = f"output_dir={tmp_path / str(len(films))}"
        folder = make(f"mode={mode}", f"class={kind}", "n=2", "steps=2", "tours=2", place)
        films.append((folder / "film.gif").read_bytes())
    assert len({*films}) == 3


def test_neighbours_of_a_class(make: Make, conditional_run: Path, tmp_path: Path) -> None:
    options = ("mode=neighbours", "n=2", "k=1", "data=synthetic", "data.count=64")
    folders = [make(*options, f"class={kind}", f"output_dir={tmp_path / str(kind)}") for kind in (0, 1)]
    pictures = [(folder / "neighbours.png").read_bytes() for folder in folders]
    assert pictures[0] != pictures[1]


def test_what_this_generator_cannot_do_is_refused(make: Make, trained_run: Path, tmp_path: Path) -> None:
    for overrides, message in (
        (("class=2",), "class=2 is unknown to this generator; it knows 0, 1"),
        (("class=bag",), "class=bag is unknown to this generator; it knows 0, 1"),
        (("pool=9",), "pool=9 is for a search; this generator makes any class directly"),
    ):
        with pytest.raises(ConfigError) as caught:
            make(*overrides)
        assert str(caught.value) == message
    for overrides, message in (
        (("class=bag",), "class=bag with mode=images needs a generator that was trained with classes"),
        (("class=boot", "mode=atlas"), "class=boot is unknown; mode=atlas can search for t_shirt, trouser, "),
        (("class=[bag,coat]", "mode=atlas"), "mode=atlas searches for one class by name; use class=bag"),
    ):
        with pytest.raises(ConfigError, match=message):
            make(*overrides, ckpt_path=trained_run)
    assert not (tmp_path / "made").exists()


def test_names_are_fashion_mnists_where_the_run_was_trained_on_it(conditional_run: Path) -> None:
    trained = load_trained(conditional_run)
    assert class_names(trained) == ("0", "1")
    assert choose_classes(None, trained) == [0, 1]
    trained.generator.classes = 10
    assert class_names(trained) == tuple("0123456789")
    trained.fingerprint["data.verify"] = True
    assert choose_classes(["bag", 1, "t_shirt"], trained) == [8, 1, 0]


def test_names_are_those_of_the_folders_that_the_run_was_trained_on(conditional_run: Path) -> None:
    trained = load_trained(conditional_run)
    trained.fingerprint["data.class_names"] = ["cat", "dog"]
    assert class_names(trained) == ("cat", "dog")
    assert choose_classes(["dog", 0], trained) == [1, 0]
    trained.fingerprint["data.class_names"] = ["1", "0"]
    assert choose_classes([0], trained) == [1]  # the name comes before the number
    trained.fingerprint["data.class_names"] = ["cat"]
    assert class_names(trained) == ("cat", "1")


@pytest.mark.parametrize("wanted", ["Ankle boot", "ankle_boot", "ANKLE-BOOT", "ankle boot"])
def test_names_in_any_spelling(wanted: str) -> None:
    assert class_index(wanted, ["Bag", "Ankle boot"]) == 1
    assert class_index(wanted, ["ankle boot", "Ankle-boot"]) == (0 if wanted == "ankle boot" else None)
    assert own_spelling([wanted, 0], ["Bag", "Ankle boot"]) == ["Ankle boot", 0]


def test_a_class_is_given_once() -> None:
    names = ["bag", "ankle_boot"]
    assert class_problem(["bag", "ankle_boot"], names) is None
    assert class_problem(["bag", "Ankle boot", 1], names) == (
        "class=1 is the class ankle_boot, which is already in the list"
    )


def test_a_name_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    """Names come from a checkpoint, which may be anyone's."""
    names = ["../up", "a/b", ".hidden", "$x^", "tab\t"]
    (tmp_path / "made").mkdir()
    write_classes(tmp_path / "made", torch.zeros(5, 1, 3, 28, 28, dtype=torch.uint8), names, 0, 1)
    assert files_below(tmp_path) == {
        f"made/{name}"
        for name in (
            "atlas.csv", "atlas.png", "_._up_000000.png", "a_b_000000.png", "_hidden_000000.png",
            "$x^_000000.png", "tab__000000.png",
        )
    }  # fmt: skip


def test_any_spelling_makes_the_same_files(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = []
    for number, wanted in enumerate(("ankle_boot", "Ankle Boot")):
        overrides = ("ckpt_path=pretrained", f"class={wanted}", "n=1")
        folder = generate(compose_cfg(*overrides, config_name="generate")).folder
        assert folder.name == "ankle_boot_seed_0" + "_2" * number
        assert json.loads((folder / "made_with.json").read_text())["class"] == "ankle_boot"
        made.append((folder / "image_000000.png").read_bytes())
    assert made[0] == made[1]
