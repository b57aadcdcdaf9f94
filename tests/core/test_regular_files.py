import os
from pathlib import Path

import pytest

from dcgan_lightning.core.regular_files import check_regular, open_regular, read_file, read_text


def test_files_and_links_to_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes("größe\r\nx".encode())
    (tmp_path / "link").symlink_to("file")
    for name in ("file", "link"):
        assert read_file(tmp_path / name) == "größe\r\nx".encode()
        assert read_text(tmp_path / name) == "größe\nx"
    (tmp_path / "file").write_bytes(b"\xff")
    with pytest.raises(UnicodeDecodeError):
        read_text(tmp_path / "file")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        read_file(tmp_path / "nowhere")


@pytest.mark.skipif(os.name == "nt", reason="needs pipes")
@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a device"])
@pytest.mark.parametrize("is_link", [False, True])
@pytest.mark.parametrize("read", [read_file, read_text, lambda path: os.close(open_regular(path, os.O_RDWR))])
def test_nothing_else_is_opened(tmp_path: Path, kind: str, is_link: bool, read) -> None:
    is_folder = kind == "a folder"
    wanted = "Is a directory" if is_folder else f"it is {kind} where a regular file is expected"
    path = tmp_path / "x"
    if kind == "a device":
        path = Path("/dev/zero")
    else:
        (os.mkfifo if kind == "a pipe" else os.mkdir)(path)
    if is_link:
        path = tmp_path / "link"
        path.symlink_to("/dev/zero" if kind == "a device" else "x")
    with pytest.raises(OSError, match=f"{wanted}: '{path}'"):
        read(path)
    with pytest.raises(OSError, match="a link" if is_link else wanted):
        check_regular(path)


def test_what_can_be_written_is_a_file_or_missing(tmp_path: Path) -> None:
    check_regular(tmp_path / "missing")
    (tmp_path / "file").touch()
    check_regular(tmp_path / "file")
