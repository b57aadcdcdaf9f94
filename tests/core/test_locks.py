import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from dcgan_lightning.core.background import Background
from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.core.files import fill_folder, renewed_folder, write_atomic, write_together
from dcgan_lightning.core.locks import held, is_locked, lock_owner, locked

OWNER = (
    "import sys, pathlib; from dcgan_lightning.core.locks import locked\n"
    "with locked(pathlib.Path(sys.argv[1])): print('locked', flush=True); sys.stdin.read()"
)


def test_a_locked_folder_is_refused_with_its_owner(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout.readline() == b"locked\n"
        assert is_locked(tmp_path / "run")
        assert lock_owner(tmp_path / "run") == owner.pid
        with (
            pytest.raises(RunFolderError, match=rf"run is in use by process {owner.pid}"),
            locked(tmp_path / "run"),
        ):
            pass
        owner.kill()
    assert not is_locked(tmp_path / "run")
    with locked(tmp_path / "run"):  # the kernel released it
        assert (tmp_path / "run" / ".lock").read_text() == str(os.getpid())
    assert os.listdir(tmp_path) == ["run"]  # which was there before, and is empty again
    assert os.listdir(tmp_path / "run") == []


def test_folders_made_for_a_lock_go_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with locked(tmp_path / "mine" / "made" / "run"):
        pass
    assert os.listdir(tmp_path / "mine") == []
    with locked(tmp_path / "mine"):
        pass
    assert os.listdir(tmp_path) == ["mine"]


def test_a_lock_leaves_what_was_written(tmp_path: Path) -> None:
    with locked(tmp_path / "run"):
        write_atomic(tmp_path / "run" / "x", b"")
    assert os.listdir(tmp_path / "run") == ["x"]


def test_a_lock_needs_a_folder_that_can_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match="cannot write"), locked(tmp_path / "file" / "run"):
        pass


def make_link(path: Path) -> None:
    path.with_name("target").write_bytes(b"precious")
    path.symlink_to(path.with_name("target"))


def make_socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # the names of sockets must be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)
    os.chdir(here)


KINDS = {
    "link": make_link,
    "dangling link": lambda path: path.symlink_to("nowhere"),
    "pipe": os.mkfifo,
    "folder": os.mkdir,
    "socket": make_socket,
    "device": lambda path: path.symlink_to("/dev/full"),
}


@pytest.mark.skipif(os.name == "nt", reason="needs links and pipes")
@pytest.mark.parametrize("kind", KINDS)
def test_a_lock_that_is_no_file_is_refused_and_stays(tmp_path: Path, kind: str) -> None:
    lock = tmp_path / "run" / ".lock"
    lock.parent.mkdir()
    KINDS[kind](lock)
    status = os.lstat(lock)
    with (
        pytest.raises(RunFolderError, match=r"cannot write .*run/\.lock: .*; remove \.lock"),
        locked(lock.parent),
    ):
        pass
    assert not is_locked(lock.parent)
    assert lock_owner(lock.parent) is None
    assert os.lstat(lock).st_ino == status.st_ino
    if kind == "link":
        assert (lock.parent / "target").read_bytes() == b"precious"
    assert not (lock.parent / "nowhere").exists()


def delete_folder(run: Path) -> None:
    shutil.rmtree(run)


def delete_lock(run: Path) -> None:
    (run / ".lock").unlink()


def move_away(run: Path) -> None:
    run.rename(run.with_name("elsewhere"))


def replace_folder(run: Path) -> None:
    shutil.rmtree(run)
    run.mkdir()
    (run / ".lock").write_text("17")  # of another run


def replace_lock(run: Path) -> None:
    (run / ".lock").unlink()
    (run / ".lock").write_text("17")


LOSSES = [delete_folder, delete_lock, move_away, replace_folder, replace_lock]
WRITES = {
    "write_atomic": lambda run: write_atomic(run / "checkpoints" / "last.ckpt", b"late"),
    "write_together": lambda run: write_together(run, {"summary.csv": b"late"}),
    "background": lambda run: in_background(run / "history.png"),
}


def in_background(path: Path) -> None:
    background = Background()
    try:
        background.write(path, bytes, 4)
        background.wait()
    finally:
        background.close()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("write", WRITES)
def test_an_owner_writes_nothing_into_a_folder_that_it_has_lost(tmp_path: Path, loss, write: str) -> None:
    run = tmp_path / "run"
    with locked(run):
        write_atomic(run / "config.yaml", b"")
        loss(run)
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(RunFolderError, match=r"run no longer belongs to this command: .*; nothing more"):
            WRITES[write](run)
    assert sorted(tmp_path.rglob("*")) == before  # nor has it removed another run's lock


def test_a_loss_is_noticed_in_the_middle_of_a_background_drawing(tmp_path: Path) -> None:
    run = tmp_path / "run"
    background = Background()
    with locked(run):
        background.write(run / "first.png", bytes, 4)
        background.wait()
        background.write(run / "slow.png", slow, str(tmp_path / "drawing"))
        while not (tmp_path / "drawing").exists():
            pass
        replace_folder(run)
        (tmp_path / "drawing").unlink()
        with pytest.raises(RunFolderError, match="another process has taken its place"):
            background.close()
    assert os.listdir(run) == [".lock"]


def slow(path: str) -> bytes:
    """Draw until a file is removed."""
    Path(path).touch()
    while Path(path).exists():
        pass
    return b"late"


def test_folders_beside_are_no_matter(tmp_path: Path) -> None:
    with locked(tmp_path / "run"):
        shutil.rmtree(tmp_path / "run")
        write_atomic(tmp_path / "run2" / "x", b"")
        fill_folder(tmp_path / "filled", lambda folder: (folder / "y").touch())
        with renewed_folder(tmp_path / "renewed") as new:
            (new / "z").touch()
    assert sorted(os.listdir(tmp_path)) == ["filled", "renewed", "run2"]


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")
def test_a_third_process_never_runs_beside_the_second(tmp_path: Path) -> None:
    """A is stopped, its folder deleted, B started, A ends: B's lock still holds against C."""
    run = tmp_path / "run"
    command = [sys.executable, "-c", OWNER, str(run)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, **pipes) as first:
        assert first.stdout.readline() == b"locked\n"
        first.send_signal(signal.SIGSTOP)
        shutil.rmtree(run)
        with subprocess.Popen(command, **pipes) as second:
            assert second.stdout.readline() == b"locked\n"
            first.stdin.close()
            first.send_signal(signal.SIGCONT)
            assert first.wait(timeout=60) == 0
            assert lock_owner(run) == second.pid
            with pytest.raises(RunFolderError, match=f"in use by process {second.pid}"), locked(run):
                pass
            second.kill()


@pytest.mark.parametrize("content", [b"mine\n", b"12 or so", b"\0", b"1" * 31 + b"x"])
def test_a_file_of_the_users_with_the_locks_name_stays(tmp_path: Path, content: bytes) -> None:
    (tmp_path / ".lock").write_bytes(content)
    with pytest.raises(RunFolderError, match=r"\.lock is not the lock of a run"), locked(tmp_path):
        pass
    assert (tmp_path / ".lock").read_bytes() == content


@pytest.mark.parametrize("is_replaced", [False, True], ids=["deleted", "replaced"])
def test_a_folder_that_is_held_is_noticed_when_it_is_lost(tmp_path: Path, is_replaced: bool) -> None:
    folder = tmp_path / "sweep"
    folder.mkdir()
    with held(folder):
        write_atomic(folder / "jobs" / "0.json", b"mine")
        shutil.rmtree(folder)
        if is_replaced:
            folder.mkdir()
        reason = "another process has taken its place" if is_replaced else "it was deleted or moved away"
        for path in (folder / "summary.csv", folder / "jobs" / "0.json"):
            with pytest.raises(RunFolderError) as caught:
                write_atomic(path, b"mine")
            assert f"{folder} no longer belongs to this command: {reason}; nothing more" in str(caught.value)
        assert [*folder.rglob("*")] == []
        with locked(tmp_path / "other"):
            write_atomic(tmp_path / "other" / "x", b"")
    write_atomic(folder / "x", b"")
