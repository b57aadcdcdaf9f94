from pathlib import Path

import pytest

from dcgan_lightning.background import Background
from dcgan_lightning.errors import RunFolderError


def test_files_are_written_one_after_the_other(tmp_path: Path) -> None:
    background = Background()
    background.write(tmp_path / "first", bytes, b"1")
    background.write(tmp_path / "second", bytes, b"2")
    assert (tmp_path / "first").read_bytes() == b"1"  # whole before the second is begun
    background.close()
    assert (tmp_path / "second").read_bytes() == b"2"


def test_a_file_that_cannot_be_written_is_an_error_of_the_next_call(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    background = Background()
    background.write(tmp_path / "file" / "picture", bytes, b"1")
    with pytest.raises(RunFolderError, match=r"cannot write .*picture"):
        background.close()
    background.close()  # nothing is left to do


def test_nothing_to_draw_starts_no_process() -> None:
    background = Background()
    background.wait()
    background.close()
    assert background._executor is None
