import hashlib
import os
import subprocess
from pathlib import Path

import pytest

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.data.image_folder.listing import ImageFile, find_classes, list_images


def put(root: Path, *paths: str) -> Path:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(path.encode())
    return root


def found(root: Path) -> list[str]:
    return sorted(file.path for file in list_images(root).files)


def test_images_of_any_depth_and_ending_are_found_and_nothing_else(tmp_path: Path) -> None:
    images = ["a/1.png", "a/b/c/2.JPG", "3.jpeg", "d/4.webp", "d/5.bmp", "d/6.tif", "d/7.TIFF", "d/8.gif"]
    put(tmp_path, *images, "a/notes.txt", "a/.hidden.png", ".thumbnails/9.png", "a/._1.png", "a/film.mp4")
    assert found(tmp_path) == sorted(images)


def test_files_are_in_the_order_of_their_sums(tmp_path: Path) -> None:
    files = list_images(put(tmp_path, *(f"{n}.png" for n in range(20)))).files
    sums = [hashlib.sha256(file.path.encode()).hexdigest() for file in files]
    assert [file.digest for file in files] == sums
    assert sums == sorted(sums)


def test_the_content_is_the_sum_of_what_sha256sum_prints(tmp_path: Path) -> None:
    put(tmp_path, "b/1.png", "a.png", "b/0.png")
    printed = subprocess.run(
        ["sha256sum", "a.png", "b/0.png", "b/1.png"], cwd=tmp_path, capture_output=True, check=True
    ).stdout
    content = list_images(tmp_path).content
    assert content == hashlib.sha256(printed).hexdigest()
    (tmp_path / "b/1.png").write_bytes(b"changed")
    changed = list_images(tmp_path).content
    os.rename(tmp_path / "a.png", tmp_path / "c.png")
    assert len({content, changed, list_images(tmp_path).content}) == 3


def test_names_that_are_not_text_are_found_too(tmp_path: Path) -> None:
    with open(os.fsencode(tmp_path) + b"/\xff\n.png", "wb") as file:
        file.write(b"x")
    listing = list_images(tmp_path)
    assert [file.path for file in listing.files] == ["\udcff\n.png"]
    assert len(listing.content) == 64


def test_links_are_followed_within_the_folder_only(tmp_path: Path) -> None:
    root, outside = put(tmp_path / "root", "a/1.png"), put(tmp_path / "outside", "2.png")
    os.symlink(outside / "2.png", root / "out.png")
    os.symlink(root / "a" / "1.png", root / "in.png")
    os.symlink(outside, root / "folder")
    os.symlink(root, root / "a" / "circle")
    os.symlink("nowhere", root / "dead.png")
    os.symlink("loop.png", root / "loop.png")
    listing = list_images(root)
    assert sorted(file.path for file in listing.files) == ["a/1.png", "in.png"]
    assert {**listing.unusable, "loop.png": ""} == {
        "out.png": "a link that leads out of the folder",
        "folder": "a link to a folder, which is not followed",
        "a/circle": "a link to a folder, which is not followed",
        "dead.png": "No such file or directory",
        "loop.png": "",
    }
    os.symlink(root, tmp_path / "link")
    assert found(tmp_path / "link") == ["a/1.png", "in.png"]  # the folder itself may be one


def test_pipes_are_named_and_not_waited_for(tmp_path: Path) -> None:
    put(tmp_path, "1.png")
    os.mkfifo(tmp_path / "pipe.png")
    listing = list_images(tmp_path)
    assert len(listing.files) == 1
    assert listing.unusable == {"pipe.png": "it is a pipe where a regular file is expected"}


def test_a_folder_without_images_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        list_images(tmp_path / "missing")
    assert str(caught.value) == (
        f"data.root={tmp_path}/missing is not a folder that can be read; pass the folder with the images"
    )
    put(tmp_path, "notes.txt", "a/data.npz")
    with pytest.raises(DataError) as caught:
        list_images(tmp_path)
    assert str(caught.value) == (
        f"data.root={tmp_path} holds no images (PNG, JPEG, WEBP, BMP, TIFF, GIF), also not in the folders "
        "below it; pass another folder"
    )
    os.symlink("/", tmp_path / "b")
    with pytest.raises(DataError, match=r"; b: a link to a folder, which is not followed; pass another"):
        list_images(tmp_path)


def test_classes_are_the_first_folders() -> None:
    files = [ImageFile("0", path) for path in ("cat/1.png", "ape/x/2.png", "cat/y/z/3.png", "dog/4.png")]
    assert find_classes(files) == (("ape", "cat", "dog"), [1, 0, 1, 2])
    assert find_classes([*files, ImageFile("0", "5.png")]) == ((), [])
    assert find_classes([ImageFile("0", "5.png")]) == ((), [])


def test_names_of_classes_can_be_shown_anywhere() -> None:
    """A folder's name may be no text, or clear the terminal."""
    files = [
        ImageFile("0", path) for path in ("a\x1b[2Jb/1.png", "by\udcff/2.png", "größe/3.png", "c\nd/4.png")
    ]
    names, numbers = find_classes(files)
    assert names == ("a?[2Jb", "by?", "c?d", "größe")
    assert numbers == [0, 1, 3, 2]
