import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import files_below

from dcgan_lightning.errors import RunFolderError
from dcgan_lightning.files import (
    fill_folder,
    locked,
    remove_if_empty,
    remove_stale_temporaries,
    renewed_folder,
    write_atomic,
)


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"
    write_atomic(path, b"one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(path.parent) == ["file.txt"]
    assert path.stat().st_mode & 0o777 == 0o666 & ~_umask()


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failed_write_keeps_the_previous_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "file.txt"
    write_atomic(path, b"good")

    def fail(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, fail)
    with pytest.raises(
        RunFolderError, match=r"file\.txt: No space left on device \(3 bytes needed, [\d,]+ free\)"
    ):
        write_atomic(path, b"new")
    monkeypatch.undo()
    assert path.read_bytes() == b"good"
    assert os.listdir(tmp_path) == ["file.txt"]


def test_an_interrupt_leaves_no_debris(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomic(tmp_path / "file.txt", b"new")
    assert os.listdir(tmp_path) == []


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(RunFolderError, match=r"cannot write .*file/x"):
        write_atomic(tmp_path / "file" / "x", b"")


def test_stale_temporaries_go_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".tmp-last.ckpt-abc").write_text("half")
    (tmp_path / "last.ckpt").write_text("whole")
    outside = tmp_path / "outside"
    outside.write_text("kept")
    (tmp_path / ".tmp-link").symlink_to(outside)
    remove_stale_temporaries(tmp_path)
    assert sorted(os.listdir(tmp_path)) == [".tmp-link", "last.ckpt", "outside"]


def test_only_empty_folders_are_removed(tmp_path: Path) -> None:
    run = tmp_path / "outputs" / "run"
    run.mkdir(parents=True)
    (tmp_path / "outputs" / "kept").touch()
    remove_if_empty(run)
    assert os.listdir(tmp_path / "outputs") == ["kept"]


def test_the_working_folder_is_never_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "deep" / "here"
    (here / "outputs").mkdir(parents=True)
    monkeypatch.chdir(here)
    remove_if_empty(Path("outputs"))
    assert list(here.iterdir()) == []
    remove_if_empty(Path())
    remove_if_empty(here)
    assert here.exists()


def test_a_locked_folder_is_refused_with_its_owner(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from dcgan_lightning.files import locked\n"
        "with locked(pathlib.Path(sys.argv[1])): print('locked', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout.readline() == b"locked\n"
        with (
            pytest.raises(RunFolderError, match=rf"run is in use by process {owner.pid}"),
            locked(tmp_path / "run"),
        ):
            pass
        owner.kill()
    with locked(tmp_path / "run"):  # the kernel gave it free
        assert (tmp_path / "run" / ".lock").read_text() == str(os.getpid())
    assert os.listdir(tmp_path) == []  # nothing was written, nothing stays


def test_a_lock_leaves_what_was_written(tmp_path: Path) -> None:
    with locked(tmp_path / "run"):
        write_atomic(tmp_path / "run" / "x", b"")
    assert os.listdir(tmp_path / "run") == ["x"]


def test_a_lock_needs_a_folder_that_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match="cannot write"), locked(tmp_path / "file" / "run"):
        pass


def two_files(folder: Path) -> None:
    (folder / "a.txt").write_bytes(b"one")
    (folder / "b.txt").write_bytes(b"two")


def test_a_folder_is_filled_and_named_at_once(tmp_path: Path) -> None:
    seen = []

    def fill(folder: Path) -> None:
        two_files(folder)
        seen.extend(os.listdir(folder.parent))

    target = tmp_path / "deep" / "made"
    assert fill_folder(target, fill) == target
    assert seen[0].startswith(".tmp-made-")
    assert len(seen) == 1  # the name was not there before all files were
    assert sorted(os.listdir(target)) == ["a.txt", "b.txt"]
    assert os.listdir(target.parent) == ["made"]
    assert target.stat().st_mode & 0o777 == 0o777 & ~_umask()


def test_an_empty_folder_is_taken_and_a_full_one_refused(tmp_path: Path) -> None:
    (tmp_path / "made").mkdir()
    fill_folder(tmp_path / "made", two_files)
    with pytest.raises(RunFolderError, match=r"made exists already, and nothing is overwritten; choose"):
        fill_folder(tmp_path / "made", lambda folder: pytest.fail("nothing is made"))
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(RunFolderError, match="file exists already"):
        fill_folder(tmp_path / "file", two_files)
    assert (tmp_path / "file").read_bytes() == b"mine"


def test_numbered_folders_never_meet(tmp_path: Path) -> None:
    def late(folder: Path) -> None:
        two_files(folder)
        (tmp_path / "made_2").mkdir()  # another process was faster
        (tmp_path / "made_2" / "other").write_bytes(b"")

    first = fill_folder(tmp_path / "made", two_files, is_numbered=True)
    third = fill_folder(tmp_path / "made", late, is_numbered=True)
    assert (first.name, third.name) == ("made", "made_3")
    assert os.listdir(tmp_path / "made_2") == ["other"]


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), KeyboardInterrupt(), SystemExit(143)]
)
def test_a_failed_folder_leaves_nothing(tmp_path: Path, error: BaseException) -> None:
    def fail(folder: Path) -> None:
        two_files(folder)
        raise error

    (tmp_path / "mine").write_bytes(b"")
    expected = RunFolderError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected) as caught:
        fill_folder(tmp_path / "outputs" / "made", fail)
    assert os.listdir(tmp_path) == ["mine"]
    if isinstance(error, OSError):
        assert "made: No space left on device (" in str(caught.value)


def test_what_a_killed_process_left_is_removed_and_a_living_ones_stays(tmp_path: Path) -> None:
    stale = tmp_path / ".tmp-made-old"
    stale.mkdir()
    two_files(stale)

    def fill(folder: Path) -> None:
        assert not stale.exists()
        fill_folder(tmp_path / "other", two_files)  # its cleaning up spares this one
        assert folder.is_dir()
        two_files(folder)

    fill_folder(tmp_path / "made", fill)
    assert sorted(os.listdir(tmp_path)) == ["made", "other"]


def test_renewed_folders_clear_up_and_are_spared_in_the_same_way(tmp_path: Path) -> None:
    stale = tmp_path / ".tmp-mine-old"
    stale.mkdir()
    two_files(stale)
    for _ in range(2):  # made, then replaced
        with renewed_folder(tmp_path / "mine") as new:
            assert not stale.exists()
            (new / "first").write_text("1")
            fill_folder(tmp_path / "others", two_files, is_numbered=True)
            with renewed_folder(tmp_path / "beside") as beside:
                (beside / "third").write_text("3")
            (new / "second").write_text("2")
        assert files_below(tmp_path / "mine") == {"first", "second"}
    assert sorted(os.listdir(tmp_path)) == ["beside", "mine", "others", "others_2"]


def test_a_folder_is_renewed_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "mine"
    with renewed_folder(folder) as new:
        (new / "first").write_text("1")
        assert not folder.exists()
    with renewed_folder(folder) as new:
        (new / "second").write_text("2")
        assert files_below(folder) == {"first"}
    assert files_below(tmp_path) == {"a/mine/second"}
    with pytest.raises(FileNotFoundError), renewed_folder(folder) as new:
        (new / "nowhere" / "third").write_text("3")
    assert files_below(tmp_path) == {"a/mine/second"}
    assert os.stat(folder).st_mode & 0o777 == 0o777 & ~_umask()


def test_a_new_folder_leaves_no_trace_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(KeyError), renewed_folder(tmp_path / "a" / "mine"):
        raise KeyError
    assert not (tmp_path / "a").exists()


def test_the_old_folder_comes_back_if_the_new_one_cannot_be_moved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "old").touch()
    rename = Path.rename

    def rename_or_fail(path: Path, target: Path) -> Path:
        if target == folder and not path.name.endswith("-old"):
            raise OSError(5, "Input/output error")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", rename_or_fail)
    with (
        pytest.raises(RunFolderError, match=r"cannot write .*mine: Input/output error"),
        renewed_folder(folder),
    ):
        pass
    assert files_below(tmp_path) == {"mine/old"}
