import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from classifier_stand_in import BrightnessClassifier
from conftest import Compose, files_below

from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.core import heartbeat
from dcgan_lightning.core.errors import (
    CheckpointError,
    ConfigError,
    MissingExtraError,
    RunFolderError,
    ScoreError,
)
from dcgan_lightning.generate import generate
from dcgan_lightning.inference.pretrained import load_generator
from dcgan_lightning.networks.sampling import sample_images
from dcgan_lightning.pictures import decode_png


@pytest.fixture
def run(trained_run: Path, tmp_path: Path) -> Path:
    """Return a run's folder that a test may write into."""
    folder = tmp_path / "outputs" / "first"
    (folder / "checkpoints").mkdir(parents=True)
    shutil.copy(trained_run / "config.yaml", folder)
    shutil.copy(trained_run / "checkpoints" / "last.ckpt", folder / "checkpoints")
    return folder


@pytest.fixture
def make(compose_cfg: Compose, run: Path):
    """Return a function: overrides to what generate has made of the run, with a stand-in classifier."""

    def call(*overrides: str, ckpt_path: Path = run) -> Path:
        cfg = compose_cfg(f"ckpt_path={ckpt_path}", *overrides, config_name="generate")
        return generate(cfg, BrightnessClassifier()).folder

    return call


def test_images_go_into_the_runs_folder_and_overwrite_nothing(make, run: Path) -> None:
    first, second = make("n=3", "seed=1"), make("n=3", "seed=1", "first=1")
    assert first == run / "generated" / "images_seed_1"
    assert second == run / "generated" / "images_seed_1_2"
    names = {"grid.png", "made_with.json", *(f"image_{number:06d}.png" for number in range(3))}
    assert files_below(first) == names
    images = sample_images(load_generator(run), 4, seed=1)
    for folder, number in ((first, 1), (first, 2), (second, 1), (second, 3)):
        single = decode_png((folder / f"image_{number:06d}.png").read_bytes())
        assert np.array_equal(single, images[number, 0].numpy())


def test_what_it_was_made_with_is_kept(make, run: Path) -> None:
    made_with = json.loads((make("n=3", "averaged=false") / "made_with.json").read_text())
    expected = {"epochs": 2, "averaged": False, "mode": "images", "seed": 0, "first": 0, "n": 3}
    assert {key: made_with[key] for key in expected} == expected
    assert made_with["checkpoint"] == str(run / "checkpoints" / "last.ckpt")
    assert made_with["versions"]["torch"] == torch.__version__


def test_the_averaged_generator_is_a_choice(make, run: Path) -> None:
    for choice in (True, False):
        folder = make("n=2", f"averaged={str(choice).lower()}")
        expected = sample_images(load_generator(run, choice), 2)
        single = decode_png((folder / "image_000001.png").read_bytes())
        assert np.array_equal(single, expected[1, 0].numpy())


def test_a_checkpoint_of_no_run(make, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lonely = shutil.copy(run / "checkpoints" / "last.ckpt", tmp_path / "mine.ckpt")
    assert make("n=1", ckpt_path=lonely) == Path("outputs/generated/images_seed_0")
    assert (tmp_path / "outputs" / "generated" / "images_seed_0" / "grid.png").is_file()


def test_an_output_folder_of_ones_own(make, tmp_path: Path) -> None:
    target = tmp_path / "mine" / "all"
    assert make("n=300", "png=false", "npz=true", f"output_dir={target}") == target
    assert files_below(target) == {"grid.png", "images.npz", "made_with.json"}
    with pytest.raises(RunFolderError, match="all exists already, and nothing is overwritten"):
        make("n=1", f"output_dir={target}")
    assert files_below(target) == {"grid.png", "images.npz", "made_with.json"}


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        (("mode=interpolate", "n=2", "steps=2"), {"strip.png", "film.gif"}),
        (("mode=walk", "n=2", "steps=2", "tours=2"), {"points.png", "film.gif"}),
        (
            ("mode=neighbours", "n=2", "data=synthetic", "data.count=40"),
            {"neighbours.png", "neighbours.csv"},
        ),
        (("mode=atlas", "n=2", "pool=300", "png=false"), {"atlas.png", "atlas.csv"}),
    ],
)
def test_every_mode_makes_its_files(make, overrides: tuple[str, ...], names: set[str]) -> None:
    folder = make(*overrides)
    assert files_below(folder) == names | {"made_with.json"}
    assert folder.name == f"{overrides[0].partition('=')[2]}_seed_0"


def test_neighbours_are_the_nearest_training_images(make, run: Path) -> None:
    folder = make("mode=neighbours", "n=2", "first=1", "k=3", "data=synthetic", "data.count=40")
    rows = [line.split(",") for line in (folder / "neighbours.csv").read_text().splitlines()[1:]]
    from dcgan_lightning.data import SyntheticDataModule

    train = SyntheticDataModule(count=40).load_images().flatten(1).float()
    images = sample_images(load_generator(run), 2, first=1).flatten(1).float()
    nearest = torch.cdist(images, train).argsort(dim=1)[:, :3]
    assert [int(row[2]) for row in rows] == nearest.flatten().tolist()
    assert [int(row[0]) for row in rows] == [1, 1, 1, 2, 2, 2]


def class_with_images(run: Path) -> tuple[int, torch.Tensor]:
    """Return a class that the run's first 300 images have, and their numbers."""
    images = sample_images(load_generator(run), 300).float() / 127.5 - 1
    classes = BrightnessClassifier()(images).argmax(dim=1)
    wanted = int(classes.mode().values)
    return wanted, (classes == wanted).nonzero().flatten()


def test_garments_of_one_class_can_be_made_again(make, run: Path) -> None:
    wanted, numbers = class_with_images(run)
    name = CLASS_NAMES[wanted]
    folder = make("mode=atlas", f"class={name}", "n=3")
    rows = [line.split(",") for line in (folder / f"{name}.csv").read_text().splitlines()[1:]]
    assert [int(row[0]) for row in rows] == numbers[:3].tolist()
    assert {row[1] for row in rows} == {name}
    again = sample_images(load_generator(run), 1, first=int(rows[2][0]))
    single = decode_png((folder / f"image_{int(rows[2][0]):06d}.png").read_bytes())
    assert np.array_equal(single, again[0, 0].numpy())


def test_a_class_that_is_rare(make, run: Path, caplog: pytest.LogCaptureFixture) -> None:
    wanted, numbers = class_with_images(run)
    name = CLASS_NAMES[wanted]
    count = int((numbers < 64).sum())
    with caplog.at_level("INFO"):
        folder = make("mode=atlas", f"class={name}", "n=10000", "pool=64")
    assert f"{name}: only {count} of 10000 found among 64 images" in caplog.text
    assert (folder / f"{name}.csv").read_text().count("\n") == count + 1


def test_a_class_that_is_not_there_leaves_nothing(make, run: Path) -> None:
    with pytest.raises(ScoreError, match="class=ankle_boot: none among 256 images; try a larger pool"):
        make("mode=atlas", "class=ankle_boot", "pool=256")
    assert sorted(os.listdir(run)) == ["checkpoints", "config.yaml"]


def test_a_missing_package_is_named_before_anything_is_made(
    make, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r'pip install -e "\.\[mp4\]"'):
        make("mode=walk", "format=mp4")
    assert sorted(os.listdir(run)) == ["checkpoints", "config.yaml"]


def test_the_classifier_needs_its_package(
    compose_cfg: Compose, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    cfg = compose_cfg(f"ckpt_path={run}", "mode=atlas", config_name="generate")
    with pytest.raises(MissingExtraError, match=r'safetensors; pip install -e "\.\[scores\]"'):
        generate(cfg)
    assert sorted(os.listdir(run)) == ["checkpoints", "config.yaml"]


def test_without_a_cuda_device_there_is_none(make) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is one")
    with pytest.raises(ConfigError, match="device=cuda: PyTorch finds no CUDA device; use device=auto"):
        make("device=cuda")


def test_colours_have_no_garments(make, run: Path, tmp_path: Path) -> None:
    checkpoint = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    checkpoint["hyper_parameters"]["image_channels"] = 3
    del checkpoint["callbacks"]["AveragedGenerator"]
    name = "generator.layers.conv2d_transpose_2.weight"
    weight = checkpoint["state_dict"][name]
    checkpoint["state_dict"][name] = weight.repeat(1, 3, 1, 1)
    name = "discriminator.layers.conv2d.weight"
    checkpoint["state_dict"][name] = checkpoint["state_dict"][name].repeat(1, 3, 1, 1)
    torch.save(checkpoint, tmp_path / "colour.ckpt")
    target = tmp_path / "made"
    messages = {
        "atlas": "mode=atlas searches for garments, grey images .* makes images of 3 x 28 x 28",
        "neighbours": "images of 1 x 28 x 28 .* makes images of 3 x 28 x 28; name the images",
    }
    for mode, message in messages.items():
        with pytest.raises(ConfigError, match=message):
            make(f"mode={mode}", f"output_dir={target}", ckpt_path=tmp_path / "colour.ckpt")
    make("n=2", "npz=true", f"output_dir={target}", ckpt_path=tmp_path / "colour.ckpt")
    with np.load(target / "images.npz") as archive:
        assert archive["images"].shape == (2, 3, 28, 28)


def test_a_folder_that_is_no_run(make, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        make(ckpt_path=tmp_path)


@pytest.mark.real_data
def test_real_garments_find_themselves(
    compose_cfg: Compose, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shipped classifier, the real training images, and a generator that has learned five by heart."""
    from dcgan_lightning.data import FashionMNISTDataModule

    train = FashionMNISTDataModule().load_images()[:2000]
    monkeypatch.setattr(FashionMNISTDataModule, "load_images", lambda self, split="train": train)
    blocks = [train[100:103], train[103:105]]
    monkeypatch.setattr("dcgan_lightning.inference.generate_modes.draw_blocks", lambda *arguments: blocks)
    data = "data=fashion_mnist"  # not the shapes of the run
    cfg = compose_cfg(f"ckpt_path={run}", "mode=neighbours", "n=5", data, config_name="generate")
    rows = [
        line.split(",") for line in (generate(cfg).folder / "neighbours.csv").read_text().splitlines()[1:]
    ]
    first = [row for row in rows if row[1] == "1"]
    assert [int(row[2]) for row in first] == [100, 101, 102, 103, 104]
    assert [float(row[3]) for row in first] == [0.0] * 5
    assert [float(row[4]) for row in first] == [0.0] * 5


@pytest.mark.parametrize(
    ("overrides", "line"),
    [
        (("n=300", "npz=true"), r"making images: [\d,]+ of 300 images"),
        (("mode=interpolate", "steps=2"), "making the film: 0 s so far"),
        (("mode=walk", "steps=2"), "making the film: 0 s so far"),
        (
            ("mode=neighbours", "data=synthetic", "data.count=40"),
            "looking for the nearest training images: 0 s so far",
        ),
        (("mode=atlas", "pool=300", "n=2"), r"searching: [\d,]+ of 300 images"),
        (("mode=atlas", "class=ankle_boot", "pool=300", "n=1"), r"searching for ankle_boot: 0 of 300 images"),
    ],
)
def test_nothing_is_silent_for_long(
    make,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    overrides: tuple[str, ...],
    line: str,
) -> None:
    monkeypatch.setattr(heartbeat, "LINE_SECONDS", 0.0005)
    caplog.set_level("INFO")
    try:
        make(*overrides)
    except ScoreError:
        assert "class=ankle_boot" in overrides
    assert any(re.match(line, record.message) for record in caplog.records)


def test_the_pace_is_the_generators_alone_and_of_more_than_one_block(
    make, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    make("n=64")
    assert "images/s" not in caplog.text
    make("n=600", "png=false")
    assert re.search(r"the generator made [\d,]+ images/s", caplog.text)


def test_a_search_says_what_it_looks_for_and_how_far(
    make, run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    with pytest.raises(ScoreError) as caught:  # the stand-in calls none of a young run's dark images a boot
        make("mode=atlas", "class=Ankle boot", "pool=30000", "n=40", "first=5")
    assert (
        "searching for 40 images of ankle_boot among at most 30,000 images (numbers 5 to 30,004 of seed 0; "
        "pool=... sets the limit)"
    ) in caplog.text
    assert str(caught.value) == (
        "class=ankle_boot: none among 3,067 images (ended early: 40 cannot be expected among 30,000); "
        "try a larger pool, another seed or a longer training"
    )


def test_images_need_neither_torchvision_nor_lightning(tmp_path: Path) -> None:
    """Importing these takes longer than all of the rest."""
    slow = ("torchvision", "pytorch_lightning", "torchmetrics", "torch._dynamo")
    code = f"""
import sys
from dcgan_lightning.generate import main
sys.argv[1:] = ["ckpt_path=pretrained", "n=2", "output_dir={tmp_path / "images"}"]
try:
    main()
finally:
    print(sorted(sys.modules.keys() & set({slow})))
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout.splitlines()[-1]) == (0, "[]"), ended.stderr
