import functools
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import files_below, leftover

from dcgan_lightning.core import temporaries
from dcgan_lightning.core.files import fill_folder, renewed_folder, write_atomic, write_together
from dcgan_lightning.core.temporaries import (
    PREFIX,
    is_temporary,
    remove_leftovers,
    temporary_folder,
    temporary_path,
)

DAY = 24 * 3600


@functools.cache
def foreign_names(seed: int) -> list[str]:
    """Return names that are nearly those of this project's leftovers."""
    chance = random.Random(seed)
    own = leftover(Path()).name
    names = [".tmp-last.ckpt-abcdefgh", ".tmp-x", PREFIX, f"{PREFIX}notes", own[1:], f"{own}~", f"x{own}"]
    for _ in range(20):  # one character of the owner or the checksum is another one
        place = chance.randrange(len(PREFIX), own.index("-last"))
        other = chance.choice([letter for letter in "0123456789abcdef" if letter != own[place]])
        names.append(own[:place] + other + own[place + 1 :])
    return sorted({*names})


@pytest.mark.parametrize("seed", range(5))
def test_foreign_names_are_told_from_own_ones(seed: int) -> None:
    for name in foreign_names(seed):
        assert not is_temporary(name), name
    for name in ("last.ckpt", "x" * 255, "ä" * 120, "a\nb", "-", "größe.gif"):
        own = temporary_path(Path(), name).name
        assert is_temporary(own)
        assert len(os.fsencode(own)) <= 255


@pytest.mark.parametrize(
    "call",
    [
        lambda folder: remove_leftovers(folder),
        lambda folder: write_atomic(folder / "written", b""),
        lambda folder: write_together(folder, {"written": b""}),
        lambda folder: fill_folder(folder / "made", lambda new: (new / "file").touch()),
        lambda folder: renewed(folder / "made"),
    ],
    ids=["remove", "write", "together", "fill", "renew"],
)
def test_leftovers_go_and_everything_else_stays(tmp_path: Path, call) -> None:
    for name in foreign_names(0):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.txt").touch()
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    links = [leftover(tmp_path), leftover(tmp_path)]
    links[0].symlink_to(outside)
    links[1].symlink_to(outside / "kept")
    alive = temporary_path(tmp_path, "by this process")
    alive.touch()
    before = sorted(os.listdir(tmp_path))
    stale = [leftover(tmp_path), leftover(tmp_path)]
    stale[0].touch()
    stale[1].mkdir()
    (stale[1] / "half").touch()
    (stale[1] / "link").symlink_to(outside)
    call(tmp_path)
    assert sorted({*os.listdir(tmp_path)} - {"written", "made"}) == before
    assert os.listdir(outside) == ["kept"]
    assert all(os.listdir(tmp_path / name) == ["thesis.txt"] for name in foreign_names(0))


def renewed(folder: Path) -> None:
    with renewed_folder(folder) as new:
        (new / "file").touch()


def test_a_process_that_lives_keeps_its_files_also_stopped(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from dcgan_lightning.core.temporaries import temporary_path\n"
        "temporary_path(pathlib.Path(sys.argv[1]), 'x').touch(); print('made', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout.readline() == b"made\n"
        remove_leftovers(tmp_path)
        assert len(os.listdir(tmp_path)) == 1
        process.kill()
        if sys.platform == "linux":  # killed, but nobody has asked for its exit code
            os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
            remove_leftovers(tmp_path)
            assert os.listdir(tmp_path) == []
    remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == []


def test_another_process_with_the_same_number_is_not_the_owner(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers are used again, in containers at every start."""
    monkeypatch.setattr(temporaries, "_start_of", lambda process: "123")
    path = temporary_path(tmp_path, "x")
    path.touch()
    monkeypatch.undo()
    remove_leftovers(tmp_path)
    assert not path.exists()


@pytest.mark.parametrize("is_folder", [False, True])
def test_files_of_another_machine_go_after_a_day(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_folder: bool
) -> None:
    monkeypatch.setattr(temporaries, "_machine", lambda: "0123456789ab")
    path = temporary_path(tmp_path, "x")
    path.mkdir() if is_folder else path.touch()
    monkeypatch.undo()
    remove_leftovers(tmp_path)
    assert path.exists()
    os.utime(path, (time.time() - DAY - 60, time.time() - DAY - 60))
    if is_folder:
        (path / "new").touch()  # it is being filled
        os.utime(path, (time.time() - DAY - 60, time.time() - DAY - 60))
        remove_leftovers(tmp_path)
        assert path.exists()
        os.utime(path / "new", (0, 0))
        os.utime(path, (0, 0))
    remove_leftovers(tmp_path)
    assert not path.exists()


def test_a_temporary_folder_goes_however_it_ends(tmp_path: Path) -> None:
    def be_interrupted() -> None:
        with temporary_folder(tmp_path, "x") as folder:
            (folder / "deep").mkdir()
            (folder / "deep" / "file").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        be_interrupted()
    assert files_below(tmp_path) == set()
    assert os.listdir(tmp_path) == []


def test_a_name_of_the_full_length_can_be_written(tmp_path: Path) -> None:
    write_atomic(tmp_path / ("x" * 251 + ".gif"), b"film")
    assert os.listdir(tmp_path) == ["x" * 251 + ".gif"]
