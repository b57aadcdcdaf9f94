from pathlib import Path

import pytest

from dcgan_lightning.core.background import Background
from dcgan_lightning.core.errors import RunFolderError


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


@pytest.mark.parametrize("is_drawing", [False, True])
def test_a_killed_process_loses_no_file(tmp_path: Path, is_drawing: bool) -> None:
    background = Background()
    background.write(tmp_path / "first", bytes, b"1")
    if not is_drawing:
        background.wait()
    assert background._executor is not None
    (process,) = background._executor._processes.values()
    process.kill()
    process.join()
    background.write(tmp_path / "second", bytes, b"2")
    background.write(tmp_path / "third", bytes, b"3")
    background.close()
    assert [(tmp_path / name).read_bytes() for name in ("first", "second", "third")] == [b"1", b"2", b"3"]


def test_nothing_to_draw_starts_no_process() -> None:
    background = Background()
    background.wait()
    background.close()
    assert background._executor is None
