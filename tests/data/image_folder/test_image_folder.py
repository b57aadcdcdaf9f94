import json
import logging
import os
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from picture_folder import CLASSES, DEFECTS, draw, make_folder
from PIL import Image
from reliability_processes import WarmProcess, environment

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.data import ImageFolderDataModule, ShuffledBatches
from dcgan_lightning.data.image_files import ImageForm, read_image
from dcgan_lightning.data.image_folder import prepare

COUNT = 40


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder that tests leave as it is."""
    return make_folder(tmp_path_factory.mktemp("data") / "pictures", COUNT)


@pytest.fixture
def copy(pictures: Path, tmp_path: Path) -> Path:
    """Return a folder of the same pictures that a test may change."""
    return Path(shutil.copytree(pictures, tmp_path / "pictures", symlinks=True))


def module(root: Path, cache: Path, **settings: Any) -> ImageFolderDataModule:
    options = {"batch_size": 16, "size": 32} | settings
    return ImageFolderDataModule(root=str(root), cache_dir=str(cache), **options)


def loaded(root: Path, cache: Path, **settings: Any) -> ImageFolderDataModule:
    datamodule = module(root, cache, **settings)
    datamodule.prepare_data()
    datamodule.setup()
    return datamodule


def refusal(root: Path, cache: Path, **settings: Any) -> str:
    with pytest.raises(DataError) as caught:
        loaded(root, cache, **settings)
    message = str(caught.value)
    assert "\n" not in message
    assert not [*cache.rglob("images.bin")]
    return message


def sets_in(cache: Path) -> list[str]:
    return sorted(path.name for path in (cache / "image_folders").iterdir())


def test_pictures_labels_and_names_are_those_of_the_files(pictures: Path, tmp_path: Path) -> None:
    datamodule = loaded(pictures, tmp_path, holdout=0.3)
    images = torch.cat([datamodule.load_images("test"), datamodule.images])
    labels = torch.cat([datamodule.load_labels("test"), datamodule.labels])
    assert images.shape == (COUNT, 3, 32, 32)
    assert datamodule.fingerprint["data.class_names"] == list(CLASSES)
    wanted = []
    for path in sorted(pictures.rglob("*.*")):
        relative = path.relative_to(pictures).as_posix()
        if (
            path.is_file()
            and relative not in DEFECTS
            and path.suffix.lower() != ".txt"
            and path.name[0] != "."
        ):
            image = read_image(path, ImageForm(32, 3))
            wanted.append((image.numpy().tobytes(), CLASSES.index(relative.split("/")[0])))
    found = [(image.numpy().tobytes(), int(label)) for image, label in zip(images, labels, strict=True)]
    assert sorted(found) == sorted(wanted)


def test_what_is_skipped_is_said_once_with_its_count(
    pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    datamodule = loaded(pictures, tmp_path)
    skipped = {**datamodule._find()[0].unusable, **datamodule._find()[1].skipped}
    assert skipped.keys() == DEFECTS.keys()
    for path, reason in DEFECTS.items():
        assert skipped[path].startswith(reason)
    warning = next(record.message for record in caplog.records if record.levelname == "WARNING")
    assert warning.startswith(
        "skipped 5 of 45 files: green_bar/link.png (a link that leads out of the folder)"
    )
    assert warning.endswith(" and 2 more")
    held_out = len(datamodule.load_images("test"))
    assert f"{COUNT - held_out} images to train on, {held_out} held out; 3 classes" in caplog.text


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_broken_file_can_be_refused(defect: str, pictures: Path, tmp_path: Path) -> None:
    root = tmp_path / "pictures"
    for path in (defect, "blue_disc/deeper"):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (pictures / path).is_dir() else shutil.copy2
        copy(pictures / path, root / path, **({} if copy is shutil.copytree else {"follow_symlinks": False}))
    message = refusal(root, tmp_path / "cache", broken="refuse")
    assert message.startswith(f"data.root={root}: {defect}: {DEFECTS[defect]}")
    assert message.endswith("; remove the file, or use data.broken=skip")
    loaded(root, tmp_path / "cache", holdout=0, batch_size=3)
    with pytest.raises(DataError, match=defect):  # also where a set is in the cache already
        loaded(root, tmp_path / "cache", holdout=0, batch_size=3, broken="refuse")


def test_a_folder_of_broken_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures/1.png").write_bytes(b"x")
    message = refusal(tmp_path / "pictures", tmp_path / "cache")
    assert "none of the 1 files can be used; 1.png: not an image in one of the formats" in message


def test_it_is_prepared_once_and_again_when_files_or_settings_change(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    first = loaded(copy, cache)
    decode = prepare.decode_image
    monkeypatch.setattr(prepare, "decode_image", lambda *_: pytest.fail("prepared again"))
    moved = copy.rename(tmp_path / "elsewhere")
    second = loaded(moved, cache, holdout=0.4)  # the place and the share do not matter
    assert torch.equal(
        second.images, first.images[len(second.load_images("test")) - len(first.load_images("test")) :]
    )
    monkeypatch.setattr(prepare, "decode_image", decode)
    for change in ({"size": 28}, {"channels": 1}, {"fit": "pad"}, {"background": "white"}):
        loaded(moved, cache, **change)
    assert len(sets_in(cache)) == 5
    draw(1, 50, 50, np.random.default_rng(9)).save(moved / "green_bar" / "new.png")
    third = loaded(moved, cache)
    assert third.fingerprint["data.content"] != first.fingerprint["data.content"]
    assert len(third.load_images("test")) + len(third.images) == COUNT + 1


@pytest.mark.parametrize("damage", ["changed byte", "shorter", "index", "no index", "other files"])
def test_a_damaged_set_is_noticed_and_made_again(
    damage: str, pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = loaded(pictures, tmp_path)
    (folder,) = (tmp_path / "image_folders").iterdir()
    images, index = folder / "images.bin", folder / "index.json"
    if damage == "changed byte":
        data = bytearray(images.read_bytes())
        data[5000] ^= 1
        images.write_bytes(data)
    elif damage == "shorter":
        os.truncate(images, 1000)
    elif damage == "no index":
        index.unlink()
    else:
        content = json.loads(index.read_text())
        content["skipped"]["red_ring/unknown.png"] = "?"
        index.write_text(json.dumps(content) if damage == "other files" else "{")
    again = loaded(pictures, tmp_path)
    assert torch.equal(again.images, whole.images)
    assert ("are damaged" in caplog.text) == (damage != "no index")
    assert torch.equal(loaded(pictures, tmp_path).images, whole.images)


def test_from_the_memory_map_batches_are_the_same_to_the_bit(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_memory = loaded(pictures, tmp_path)
    monkeypatch.setattr(np, "fromfile", lambda *_: pytest.fail("read into memory"))
    mapped = loaded(pictures, tmp_path, memory_share=0.0)
    monkeypatch.undo()
    batches = [[*ShuffledBatches(each.images, 4, 7, labels=each.labels)] for each in (in_memory, mapped)]
    for one, other in zip(*batches, strict=True):
        assert torch.equal(one.images, other.images)
        assert torch.equal(one.labels, other.labels)
    mapped.images.zero_()  # stays in this process
    assert torch.equal(loaded(pictures, tmp_path).images, in_memory.images)


def test_an_interruption_leaves_nothing(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    decode = prepare.decode_image

    def interrupt(*arguments: Any) -> Any:
        calls.append(arguments)
        if len(calls) == 20:
            raise KeyboardInterrupt
        return decode(*arguments)

    monkeypatch.setattr(prepare, "decode_image", interrupt)
    with pytest.raises(KeyboardInterrupt):
        loaded(pictures, tmp_path)
    assert not [*tmp_path.rglob("*.*")]
    monkeypatch.setattr(prepare, "decode_image", decode)
    assert len(loaded(pictures, tmp_path, holdout=0).images) == COUNT


KILLED = """
import os, signal, sys
from dcgan_lightning.data import ImageFolderDataModule
from dcgan_lightning.data.image_folder import cache

add, added = cache.Writer.add, []

def add_or_die(writer, pixels):
    add(writer, pixels)
    writer._file.flush()
    added.append(pixels)
    if len(added) == 20:
        os.kill(os.getpid(), signal.SIGKILL)

cache.Writer.add = add_or_die
ImageFolderDataModule(root=sys.argv[1], cache_dir=sys.argv[2], size=32, batch_size=16).prepare_data()
"""


def test_after_a_kill_all_is_made_again_and_nothing_is_left_over(pictures: Path, tmp_path: Path) -> None:
    script, cache = tmp_path / "killed.py", tmp_path / "cache"
    script.write_text(KILLED)
    killed = WarmProcess([str(script), str(pictures), str(cache)], tmp_path, environment())
    assert killed.finish().returncode == -signal.SIGKILL
    (unfinished,) = cache.rglob("images.bin")
    assert unfinished.stat().st_size == 20 * 3 * 32 * 32
    again = loaded(pictures, cache, holdout=0)
    assert torch.equal(again.images, loaded(pictures, tmp_path / "other", holdout=0).images)
    (folder,) = (cache / "image_folders").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["images.bin", "index.json"]


def test_a_file_that_changes_meanwhile_is_not_taken_for_another(
    copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    find = prepare.list_images

    def list_then_change(*arguments: Any) -> Any:
        listing = find(*arguments)
        draw(1, 40, 40, np.random.default_rng(5)).save(copy / listing.files[3].path, "PNG")
        return listing

    monkeypatch.setattr(prepare, "list_images", list_then_change)
    assert refusal(copy, tmp_path / "cache").endswith("was changed while it was read; start again")


def test_the_cache_has_a_limit_and_old_sets_make_room(pictures: Path, tmp_path: Path) -> None:
    message = refusal(pictures, tmp_path, cache_gb=1e-4)
    assert message == (
        "the prepared images would take 0.00 GB, more than data.cache_gb=0.0001; "
        "use a smaller data.size, or raise data.cache_gb"
    )
    for background in ("black", "white"):
        loaded(pictures, tmp_path, channels=1, background=background)
    older, newer = sets_in(tmp_path)
    for name, seconds in ((older, 2000), (newer, 1000)):
        used = time.time() - seconds
        os.utime(tmp_path / "image_folders" / name / "index.json", (used, used))
    # A set in colour takes as much as three grey ones; room is made for all files, also broken ones.
    grey = 32 * 32 * 1e-9
    loaded(pictures, tmp_path, cache_gb=(3 * (COUNT + 4) + COUNT) * grey)
    (colour,) = {*sets_in(tmp_path)} - {older, newer}
    assert {*sets_in(tmp_path)} == {newer, colour}
    loaded(pictures, tmp_path, channels=1, size=28, cache_gb=(COUNT + 4) * grey)
    assert len(sets_in(tmp_path)) == 1
    assert not {newer, colour} & {*sets_in(tmp_path)}


def test_an_unwritable_cache_is_said_in_one_line(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(
        DataError, match=r"cannot be written .*; choose a folder you can write with DCGAN_DATA_DIR"
    ):
        loaded(pictures, tmp_path / "cache")


def test_held_out_pictures_follow_from_their_content(copy: Path, tmp_path: Path) -> None:
    def split(holdout: float) -> tuple[set[bytes], set[bytes]]:
        datamodule = loaded(copy, tmp_path / "cache", holdout=holdout)
        held_out = datamodule.load_images("test") if holdout else datamodule.images[:0]
        return tuple({image.numpy().tobytes() for image in part} for part in (datamodule.images, held_out))

    trained, held_out = split(0.3)
    assert not trained & held_out
    assert 4 <= len(held_out) <= 20
    fewer = split(0.15)[1]
    assert fewer < held_out
    # New files, and copies of old ones, move no other picture to the other side.
    for number in range(10):
        draw(0, 30, 30, np.random.default_rng(100 + number)).save(copy / "blue_disc" / f"new_{number}.png")
    for path in sorted((copy / "red_ring").rglob("0*.*")):
        shutil.copy(path, copy / "red_ring" / f"copy_{path.name}")
    trained_again, held_out_again = split(0.3)
    assert trained <= trained_again
    assert held_out <= held_out_again
    assert not trained_again & held_out_again
    with pytest.raises(DataError, match=r"data\.holdout=0\.0 leaves no held-out images to compare with"):
        loaded(copy, tmp_path / "cache", holdout=0.0).load_images("test")


def test_without_class_folders_there_are_no_labels(copy: Path, tmp_path: Path) -> None:
    draw(0, 40, 40, np.random.default_rng(3)).save(copy / "somewhere.png")
    datamodule = loaded(copy, tmp_path / "cache")
    assert datamodule.labels is None
    assert datamodule.fingerprint["data.class_names"] == []
    with pytest.raises(
        DataError, match="have no classes, which are needed here; put the images of each class"
    ):
        datamodule.load_split("test")


def test_grey_images_of_colour_pictures(pictures: Path, tmp_path: Path) -> None:
    assert loaded(pictures, tmp_path, channels=1, size=28).images.shape[1:] == (1, 28, 28)


def test_the_folder_gives_the_name(pictures: Path, tmp_path: Path) -> None:
    assert module(pictures, tmp_path).short_name == "pictures"
    with pytest.raises(DataError, match=r"data=image_folder needs data\.root"):
        ImageFolderDataModule()
    assert Image.MAX_IMAGE_PIXELS is not None  # Pillow's own guard is left as it is
