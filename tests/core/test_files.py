import contextlib
import errno
import itertools
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import files_below

from dcgan_lightning.core import files
from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.core.files import fill_folder, renewed_folder, write_atomic, write_together
from dcgan_lightning.core.temporaries import is_temporary


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
    assert is_temporary(seen[0])
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


def test_folders_that_are_being_made_spare_each_other(tmp_path: Path) -> None:
    for _ in range(2):  # made, then replaced
        with renewed_folder(tmp_path / "mine") as new:
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
    with pytest.raises(RunFolderError, match="No such file"), renewed_folder(folder) as new:
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
    rename = os.rename

    def rename_or_fail(path: Path, target: Path) -> None:
        if target == folder and path.name == "new":
            raise OSError(5, "Input/output error")
        rename(path, target)

    monkeypatch.setattr(os, "rename", rename_or_fail)
    with (
        pytest.raises(RunFolderError, match=r"cannot write .*mine: Input/output error"),
        renewed_folder(folder),
    ):
        pass
    assert files_below(tmp_path) == {"mine/old"}
    assert os.listdir(tmp_path) == ["mine"]


# Killed or failing at every step


STEPS = ("mkdir", "rename", "replace", "unlink", "rmdir", "fsync")


def at_step(number: int, happen: Callable[[], None], patch: Callable[[str, object], None]) -> None:
    """Let something happen before the system call of this number that changes anything on the disk."""
    left = [number]

    def counted(original):
        def call(*arguments, **options):
            left[0] -= 1
            if left[0] <= 0:
                happen()
            return original(*arguments, **options)

        return call

    for name in STEPS:
        patch(name, counted(getattr(os, name)))


def killed_at(number: int, action: Callable[[], None]) -> bool:
    """Do something in another process that is killed at a step; return whether it got that far."""
    child = os.fork()
    if child == 0:
        at_step(number, lambda: os._exit(9), lambda name, call: setattr(os, name, call))
        try:
            action()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def no_room() -> None:
    raise OSError(28, "No space left on device")


def export(folder: Path, content: str, fail: Callable[[], None] = lambda: None) -> None:
    with renewed_folder(folder) as new:
        for name in "ab":
            (new / name).write_text(content)
        fail()


def exported(folder: Path) -> set[str]:
    """Return the contents of an export that is whole."""
    assert sorted(os.listdir(folder)) == ["a", "b"]
    return {(folder / name).read_text() for name in "ab"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_an_export_survives_a_kill_at_every_step_and_a_full_disk_after_it(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "exported"
    for number in range(1, 100):
        export(folder, "old")
        was_killed = killed_at(number, lambda: export(folder, "new"))
        with pytest.raises(RunFolderError, match="No space left"):
            export(folder, "never", no_room)
        assert exported(folder) in ({"old"}, {"new"})
        assert os.listdir(folder.parent) == ["exported"]
        if not was_killed:
            break
    assert number > 8
    assert exported(folder) == {"new"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_kill_in_the_cleaning_after_a_kill_loses_nothing_either(tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    for first, second in itertools.product(range(4, 13, 2), range(1, 14, 2)):
        export(folder, "old")
        killed_at(first, lambda: export(folder, "new"))
        killed_at(second, lambda: export(folder, "newer"))
        with pytest.raises(RunFolderError, match="No space left"):
            export(folder, "never", no_room)
        assert exported(folder) in ({"old"}, {"new"}, {"newer"})
        assert os.listdir(tmp_path) == ["exported"]


def test_an_export_survives_errors_from_every_step_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "exported"
    for number in range(1, 100):
        export(folder, "old")
        with monkeypatch.context() as patch, contextlib.suppress(RunFolderError):
            at_step(number, no_room, lambda name, call: patch.setattr(os, name, call))
            export(folder, "new")
        clean_as_the_next_command(folder)
        assert exported(folder) in ({"old"}, {"new"})
        if exported(folder) == {"new"}:
            break
    assert number > 2


def clean_as_the_next_command(folder: Path) -> None:
    """Clean up from another process, to which this one, whose files these are, seems dead."""
    code = (
        "import sys, pathlib; from dcgan_lightning.core import temporaries\n"
        "temporaries._is_alive = lambda *owner: False\n"
        "temporaries.remove_leftovers(pathlib.Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(folder.parent)], check=True)


def test_a_folder_of_the_users_in_the_old_ones_place_stays(tmp_path: Path) -> None:
    folder = tmp_path / "exported"
    export(folder, "old")
    number = 1
    while folder.exists():  # until it is killed between the two renames
        assert killed_at(number, lambda: export(folder, "new"))
        number += 1
    folder.mkdir()
    (folder / "mine").touch()
    fill_folder(tmp_path / "other", two_files)
    assert os.listdir(folder) == ["mine"]


def compared(folder: Path) -> set[bytes]:
    """Return the contents of a comparison that is whole."""
    assert {"summary.csv", "grids.png"} <= {*os.listdir(folder)}
    return {(folder / name).read_bytes() for name in ("summary.csv", "grids.png")}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_files_written_together_are_all_old_or_all_new_after_the_next_command(tmp_path: Path) -> None:
    def write(content: bytes) -> None:
        write_together(tmp_path, {"summary.csv": content, "grids.png": content})

    (tmp_path / "0").mkdir()  # a sweep's folder holds more
    for number in range(1, 100):
        write(b"old")
        was_killed = killed_at(number, lambda: write(b"new"))
        with pytest.raises(RunFolderError, match="it is a folder"):
            write_together(tmp_path, {"summary.csv": b"never", "0": b"never"})
        assert compared(tmp_path) in ({b"old"}, {b"new"})
        assert sorted(os.listdir(tmp_path)) == ["0", "grids.png", "summary.csv"]
        if not was_killed:
            break
    assert number > 8
    assert compared(tmp_path) == {b"new"}


def test_files_written_together_leave_no_new_folder_behind_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda handle: no_room())
    with pytest.raises(RunFolderError, match="No space left"):
        write_together(tmp_path / "outputs" / "compare", {"summary.csv": b"x"})
    assert os.listdir(tmp_path) == []


# Links


def test_a_link_is_replaced_and_its_target_stays(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"precious")
    for write in (write_atomic, lambda path, data: write_together(path.parent, {path.name: data})):
        for target in ("target", "nowhere"):
            (tmp_path / "config.yaml").unlink(missing_ok=True)
            (tmp_path / "config.yaml").symlink_to(target)
            write(tmp_path / "config.yaml", b"new")
            assert not (tmp_path / "config.yaml").is_symlink()
            assert (tmp_path / "config.yaml").read_bytes() == b"new"
    assert (tmp_path / "target").read_bytes() == b"precious"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("make", ["fill_folder", "renewed_folder"])
def test_a_full_disk_names_the_file_that_was_asked_for(
    make: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the temporary one, which is gone by then."""
    monkeypatch.setattr(files, "_free_bytes", lambda folder: 2)
    target = tmp_path / "made" / "exported"

    def fill(folder: Path) -> None:
        write_atomic(folder / "below" / "weights", b"123")

    def renew() -> None:
        with renewed_folder(target) as new:
            fill(new)

    message = f"cannot write {target / 'below' / 'weights'}: No space left on device (3 bytes needed, 2 free)"
    with pytest.raises(RunFolderError, match=re.escape(message)):
        renew() if make == "renewed_folder" else fill_folder(target, fill)
    assert os.listdir(tmp_path) == []


def test_a_refusal_says_what_is_in_the_way_and_not_that_space_is_missing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.json").mkdir()
    folder, file = "a folder is in the way: move it away", "a file is in the way of a folder: move it away"
    for path, remedy in (("folder.json", folder), ("file/x", file), ("file/x/y", file)):
        with pytest.raises(RunFolderError) as caught:
            write_atomic(tmp_path / path, b"new")
        assert str(caught.value).startswith(f"cannot write {tmp_path / path}: ")
        assert remedy in str(caught.value)
        assert "free" not in str(caught.value)
    with pytest.raises(RunFolderError, match=file):
        fill_folder(tmp_path / "file" / "x", lambda folder: None)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EROFS, "choose another folder"),
        (errno.EACCES, "check its permissions or choose another folder"),
    ],
)
def test_a_read_only_folder_needs_no_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(RunFolderError) as caught:
        write_atomic(tmp_path / "x", b"new")
    assert str(caught.value) == f"cannot write {tmp_path / 'x'}: {os.strerror(number)}; {remedy}"
