"""Pasted into a shell, a printed command gives Hydra the values that were meant."""

import io
import os
import random
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from dcgan_lightning.core import shell
from dcgan_lightning.core.shell import command, override

NASTY = [
    *(
        "k=v",
        "a,b",
        "größe",
        "2024",
        "[x]",
        "it's",
        "null",
        "1e5",
        "True",
        "nan",
        "-inf",
        "1_000",
        "0x1f",
        "a b",
    ),
    *(" a ", "{a: 1}", "choice(1,2)", "range(3)", "a#b", "!!", "$HOME", "`ls`", "*", "~x", "-x", "--help"),
    *(
        "a\\",
        "a\\'",
        "\\\\'\\",
        "${x}",
        "\\${x}",
        "\\\\${x}\\",
        "${now:%Y}",
        '"',
        "a/b",
        "2024-01-05_10-11-12",
        "",
    ),
]
ALPHABET = "ab1e.0-_ \\\\'\"${}[](),=:;&|<>*?~#!%@+^`ößé日/"


def names(count: int) -> list[str]:
    random_numbers = random.Random(0)
    return ["".join(random_numbers.choices(ALPHABET, k=random_numbers.randint(1, 9))) for _ in range(count)]


def as_hydra_reads(argument: str) -> object:
    parsed = OverridesParser.create().parse_override(argument)
    assert not parsed.is_sweep_override()
    value = parsed.value()
    return OmegaConf.create({"name": value}).name


def test_any_text_comes_back_through_shell_and_grammar() -> None:
    for name in [*NASTY, *names(500)]:
        arguments = shlex.split(command("train", ["seed=1", override("run_name", name)]))
        assert arguments[:4] == ["python", "-m", "dcgan_lightning.train", "seed=1"]
        assert len(arguments) == 5, name
        key, value = arguments[4].partition("=")[0], as_hydra_reads(arguments[4])
        assert (key, value, type(value)) == ("run_name", name, str), arguments[4]


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_what_the_output_cannot_carry_comes_back_too(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names of any bytes, printed in an encoding that lacks some of them, pasted into Bash."""
    random_numbers = random.Random(encoding)
    any_bytes = (
        random_numbers.randbytes(random_numbers.randint(1, 9)).replace(b"\0", b"") for _ in range(200)
    )
    meant = [*map(os.fsdecode, any_bytes), *NASTY, *names(100), "a\nb", "\x1b[1m", "gr\udcf6"]
    output = io.TextIOWrapper(io.BytesIO(), encoding, errors="backslashreplace")
    monkeypatch.setattr(sys, "stdout", output)
    line = command("train", [override("run_name", name) for name in meant], python="python")
    monkeypatch.undo()
    print(line.replace("python -m dcgan_lightning.train", "printf '%s\\0'"), file=output, flush=True)
    typed = output.detach().getvalue().decode(encoding).encode()  # type: ignore[attr-defined]
    assert typed.count(b"\n") == 1
    printed = subprocess.run(["bash"], input=typed, capture_output=True, check=True).stdout
    for name, argument in zip(meant, printed.split(b"\0")[:-1], strict=True):
        assert as_hydra_reads(os.fsdecode(argument)) == name
    if encoding == "utf-8":
        assert "größe" in line


def test_a_real_shell_gives_back_the_arguments() -> None:
    arguments = [override("run_name", name) for name in [*NASTY, *names(200)]]
    echo = command("train", arguments).replace("python -m dcgan_lightning.train", "printf '%s\\0'")
    printed = subprocess.run(["sh", "-c", echo], capture_output=True, check=True).stdout.decode()
    assert printed.split("\0")[:-1] == arguments


@pytest.mark.parametrize("name", ["first", "night_2", "2024-01-05_10-11-12", "sweep/0", "./a.b"])
def test_usual_names_are_not_quoted(name: str) -> None:
    assert (
        command("train", [override("run_name", name)]) == f"python -m dcgan_lightning.train run_name={name}"
    )


@pytest.mark.parametrize(
    ("folder", "on_path", "typed"),
    [
        ("venv/bin", "venv/bin", "python"),
        ("venv/bin", None, "venv/bin/python3.11"),
        ("venv/bin", "other/bin", "venv/bin/python3.11"),
        ("my venv/bin", None, "'my venv/bin/python3.11'"),
        ("../venv/bin", None, "{outside}/venv/bin/python3.11"),
    ],
)
def test_a_printed_command_calls_this_interpreter(
    folder: str, on_path: str | None, typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link into a virtual environment is not the interpreter that it leads to."""
    here = tmp_path / "here"
    for name in (folder, "other/bin"):
        (here / name).mkdir(parents=True)
        for link in ("python", "python3.11"):
            (here / name / link).symlink_to(sys.executable)
    monkeypatch.chdir(here)
    monkeypatch.setenv("PATH", str(here / on_path) if on_path else "/nowhere")
    monkeypatch.setattr(sys, "executable", str(here / folder / "python3.11"))
    typed = typed.format(outside=tmp_path)
    line = command("train", ["seed=1"])
    assert line == f"{typed} -m dcgan_lightning.train seed=1"
    code = line.replace("-m dcgan_lightning.train", '-c "import sys; print(sys.argv[1])"')
    assert subprocess.run(["/bin/sh", "-c", code], capture_output=True, text=True).stdout == "seed=1\n"


def test_without_an_interpreter_of_its_own_python_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    assert shell.this_python() == "python"
