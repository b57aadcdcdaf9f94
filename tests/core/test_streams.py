"""Commands whose output nobody reads, or whose terminal is gone, with real processes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import RunModule
from reliability_processes import ColdProcess, Process, WarmProcess, environment

from dcgan_lightning.core.streams import LastingOutput

TRAIN = (
    sys.executable, "-m", "dcgan_lightning.train", "experiment=smoke", "logger=none", "callbacks.film=null",
    "callbacks.history=null", "callbacks.sample_grid=null", "report=false",
)  # fmt: skip
UMLAUTS = " ".join(TRAIN) + " \"run_name='größe'\""
FILES = {".lock", "checkpoints", "config.yaml", "networks.txt", "system.json"}


def shell(command: str, folder: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"], cwd=folder,
        env=os.environ | {"OMP_NUM_THREADS": "1"} | env,
        capture_output=True, text=True, timeout=200, encoding="utf-8", errors="surrogateescape",
    )  # fmt: skip


@pytest.mark.parametrize("end", ["| head -1", ">&- 2>&-", "<&- >&- 2>&-", ">/dev/full"])
def test_help_without_a_reader(end: str, tmp_path: Path) -> None:
    ended = shell(f"{sys.executable} -m dcgan_lightning.train --help {end}", tmp_path)
    assert ended.returncode == 0
    full = "stdout: No space left on device; what follows is not shown\n" if "full" in end else ""
    assert ended.stderr == full


@pytest.mark.parametrize("command", ["generate", "compare", "data"])
def test_other_commands_can_be_piped_into_head(command: str, tmp_path: Path) -> None:
    ended = shell(f"{sys.executable} -m dcgan_lightning.{command} --help | true", tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_training_without_a_reader_goes_on(tmp_path: Path) -> None:
    ended = shell(f"{' '.join(TRAIN)} run_name=h | head -1", tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert (tmp_path / "outputs/h/checkpoints/epoch_0002.ckpt").is_file()


def test_a_training_without_descriptors(tmp_path: Path) -> None:
    ended = shell(f"{UMLAUTS} <&- >&- 2>&-", tmp_path)
    assert ended.returncode == 0
    # Nothing that is printed falls into a file that was opened in the place of stdout.
    assert {path.name for path in (tmp_path / "outputs/größe").iterdir()} <= FILES
    assert (tmp_path / "outputs/größe/checkpoints/epoch_0002.ckpt").is_file()


def pasted(line: str) -> list[str]:
    """Return the arguments that Bash gives to a printed command."""
    code = f"python() {{ printf '%s\\0' \"$@\"; }}; {line}"
    return subprocess.run(["bash", "-c", code], capture_output=True, check=True).stdout.decode().split("\0")


def test_a_stdout_that_lacks_letters(tmp_path: Path, run_module: RunModule) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        name, *rest = arguments
        return run_module(f"dcgan_lightning.{name}", *rest, env={"PYTHONIOENCODING": "ascii"}, warm=True)

    ended = run("train", *TRAIN[3:], "run_name='größe'")
    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    for start in ("training on cpu", "done: 2 epochs", "everything is in", "train on with: "):
        assert [line for line in lines if line.startswith(start)], start
    assert "gr\\xf6\\xdfe" in ended.stdout
    assert (tmp_path / "outputs/größe/checkpoints/last.ckpt").is_file()
    commands = {what: line for what, _, line in (line.partition(" with: ") for line in lines) if line}
    assert "ckpt_path='outputs/größe'" in pasted(commands["make images"])
    assert "run_name='größe'" in pasted(commands["train on"])
    ended = run("report", "run='outputs/größe'")
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "gr\\xf6\\xdfe" in ended.stdout
    ended = run("report", "run='größer'")
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert ended.stderr.startswith("error: run=gr\\xf6\\xdfer")
    ended = run("generate", "größe")
    assert pasted("python " + ended.stderr.partition("did you mean ")[2].rstrip("?\n")) == [
        "ckpt_path='größe'", ""
    ]  # fmt: skip


def test_names_that_the_locale_lacks_are_refused_in_a_line(tmp_path: Path) -> None:
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    ended = shell(UMLAUTS, tmp_path, **ascii_only)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1)
    assert ended.stderr.startswith(
        "error: run_name must be text in this locale's encoding, ascii (export LC_ALL=C.UTF-8 first); got "
    )
    unquoted = shell(f"{sys.executable} -m dcgan_lightning.train run_name=größe", tmp_path, **ascii_only)
    assert (unquoted.returncode, unquoted.stderr.count("\n")) == (1, 1)
    assert unquoted.stderr.endswith(
        "it must be text in this locale's encoding, ascii (export LC_ALL=C.UTF-8 first)\n"
    )
    assert not (tmp_path / "outputs").exists()


def test_lost_output_takes_all_bytes() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with LastingOutput(writer, "w") as output:
        assert output.write(b"abc") == output.write(b"abc") == 3


@pytest.mark.parametrize("ignored", [False, True], ids=["terminal", "nohup"])
def test_a_closed_terminal_saves(ignored: bool, tmp_path: Path) -> None:
    arguments = [*TRAIN[1:], f"trainer.max_epochs={12 if ignored else 100_000}", "run_name=h"]
    process: Process
    if ignored:  # before the interpreter starts, as nohup does
        process = ColdProcess(
            [sys.executable, *arguments], cwd=tmp_path, env=environment(),
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        )  # fmt: skip
    else:
        process = WarmProcess(arguments, tmp_path, environment())
    last = tmp_path / "outputs" / "h" / "checkpoints" / "last.ckpt"
    deadline = time.monotonic() + 120
    try:
        while not last.is_file():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGHUP)
        ended = process.finish(timeout=120)
    finally:
        process.kill()
    assert ended.returncode == (0 if ignored else 129)
    assert ("\nfinishing " in ended.output) is not ignored
    assert "ckpt_path=last" in ended.output
