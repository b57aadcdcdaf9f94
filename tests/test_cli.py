"""What a user reads when something is wrong; the whole commands are run in tests/cli."""

import dataclasses
import errno
import os
import sys
import traceback
import weakref
from pathlib import Path

import hydra
import pytest
import torch
import yaml
from conftest import RunModule
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dcgan_lightning import cli as commands
from dcgan_lightning.cli import run_command
from dcgan_lightning.config.messages import one_line
from dcgan_lightning.core.errors import ConfigError, DivergedError, RunFolderError, SweepError
from dcgan_lightning.runs.jobs import JobRecord, read_record
from dcgan_lightning.sweeps.job import forgetting_locals, note_job


@pytest.mark.parametrize(
    ("text", "position", "reason"),
    [
        ("a: [1\nb: 2\n", "2:2", "expected ',' or ']'"),
        ("a:\n\tb: 2\n", "2:1", "'\\t' that cannot start any token"),
        ("a: 'x\n", "2:1", "found unexpected end of stream"),
    ],
)
def test_yaml_errors_name_file_line_and_column(tmp_path: Path, text: str, position: str, reason: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises(yaml.YAMLError) as caught, open(path) as file:
        yaml.safe_load(file)
    line = one_line(caught.value)
    assert line.startswith(f"{path}:{position}: ")
    assert reason in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("typed", "number", "path", "line"),
    [
        (
            "ckpt_path=abc",
            errno.ENAMETOOLONG,
            "abc/model",
            "ckpt_path=abc: File name too long; give a shorter name",
        ),
        (
            "+run='a b'",
            errno.EACCES,
            "/x/a b/c",
            "run=a b: /x/a b/c: Permission denied; check its permissions or choose another folder",
        ),
        ("run=a", errno.EIO, "ab/c", "ab/c: Input/output error; check the path and its disk"),
        (
            "run=/x/",
            errno.ENOSPC,
            "/x",
            "run=/x/: No space left on device; free some space or choose another folder",
        ),
    ],
)
def test_what_the_system_refuses_is_said_under_its_setting(
    typed: str, number: int, path: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["command", "seed=1", typed])
    assert one_line(OSError(number, os.strerror(number), path)) == line
    assert one_line(OSError(number, os.strerror(number))) == os.strerror(number)


@pytest.mark.parametrize(
    ("module", "key"),
    [
        ("train", "ckpt_path"), ("train", "hydra.run.dir"), ("train", "run_name"), ("generate", "ckpt_path"),
        ("generate", "output_dir"), ("export", "output_dir"), ("evaluate", "ckpt_path"), ("report", "run"),
        ("compare", "runs"), ("play", "ckpt_path"), ("data", "data.root"),
    ],
)  # fmt: skip
def test_a_name_that_is_too_long_is_refused_in_a_line(
    module: str, key: str, run_module: RunModule, tmp_path: Path
) -> None:
    name = 300 * "x"
    checkpoint = ["ckpt_path=pretrained"] if key == "output_dir" else []
    value = f"[{name}]" if key == "runs" else name
    ended = run_module(f"dcgan_lightning.{module}", *checkpoint, f"{key}={value}", warm=True)
    assert (ended.returncode, ended.stderr.count("\n")) == (1, 1), ended.stderr
    assert ended.stderr.startswith(f"error: {key}={value}")
    assert "File name too long" in ended.stderr
    assert "Errno" not in ended.stderr
    assert not os.listdir(tmp_path)


def test_a_broken_interpolation_is_named() -> None:
    with pytest.raises(OmegaConfBaseException) as caught:
        OmegaConf.create({"latent_dim": "${nope"}).latent_dim  # noqa: B018
    assert one_line(caught.value).startswith("latent_dim: ")


@pytest.fixture(autouse=True)
def _no_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["train"])


JOB = JobRecord(folder="3", overrides=("seed=3",), epochs=2)


def test_a_job_is_noted_while_it_runs_and_when_it_has_finished(tmp_path: Path) -> None:
    with note_job(tmp_path, dataclasses.replace(JOB, seconds=100.0)) as outcome:
        assert read_record(tmp_path, "3").status == "running"
        outcome.objective = 0.5
    record = read_record(tmp_path, "3")
    assert (record.status, record.reason, record.objective) == ("finished", "", 0.5)
    assert record.overrides == ("seed=3",)
    assert 100 < record.seconds < 105


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (ConfigError("a\n  b"), "failed", "a b"),
        (RuntimeError("anything"), "failed", "anything"),
        (KeyboardInterrupt(), "stopped", "Ctrl-C"),
        (SystemExit(143), "stopped", "SIGTERM"),
    ],
)
def test_how_a_job_ended_is_noted(tmp_path: Path, error: BaseException, status: str, reason: str) -> None:
    with pytest.raises(type(error)), note_job(tmp_path, JOB):
        raise error
    record = read_record(tmp_path, "3")
    assert (record.status, record.reason, record.objective) == (status, reason, None)


@pytest.mark.parametrize("has_cause", [True, False])
def test_an_error_keeps_its_lines_and_nothing_of_its_frames(has_cause: bool) -> None:
    held = []

    def step() -> None:
        activations = torch.zeros(3)
        held.append(weakref.ref(activations))
        raise RuntimeError("out of memory")

    def job() -> None:
        batch = torch.zeros(3)
        held.append(weakref.ref(batch))
        try:
            step()
        except RuntimeError as error:
            raise ConfigError("too large") from (error if has_cause else None)

    with pytest.raises(ConfigError) as caught, forgetting_locals():
        job()
    assert [reference() for reference in held] == [None, None]
    lines = traceback.format_exception(caught.value)
    assert any("in job" in line for line in lines)
    assert any("in step" in line for line in lines) == has_cause


def test_a_full_disk_does_not_hide_why_a_job_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(sweep: Path, record: JobRecord) -> None:
        if record.status != "running":
            raise RunFolderError("no space")

    monkeypatch.setattr("dcgan_lightning.sweeps.job.write_record", full)
    with pytest.raises(ConfigError, match="the reason"), note_job(tmp_path, JOB):
        raise ConfigError("the reason")


def test_each_failed_job_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "SHOW_TRACEBACKS", False)
    with pytest.raises(SystemExit) as ending:
        commands.refuse(SweepError("2 of 3 jobs failed\njob 1 (seed=1): first\njob 2 (seed=2): second"))
    assert ending.value.code == 1
    assert capsys.readouterr().err == (
        "error: 2 of 3 jobs failed\njob 1 (seed=1): first\njob 2 (seed=2): second\n"
    )


def test_only_the_first_process_says_that_all_diverged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "SHOW_TRACEBACKS", False)
    for rank, expected in (("0", "error: gen_loss became nan\n"), ("1", "")):
        monkeypatch.setenv("LOCAL_RANK", rank)
        with pytest.raises(SystemExit) as ending:
            commands.refuse(DivergedError("gen_loss became nan"))
        assert ending.value.code == 1
        assert capsys.readouterr().err == expected


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            RuntimeError("Unknown plugin class : 'hydra_plugins.hydra_joblib_launcher.joblib_launcher.X'"),
            'this launcher needs the package hydra-joblib-launcher; pip install -e ".[joblib]"',
        ),
        (
            RuntimeError("Unknown plugin class : 'hydra_plugins.hydra_optuna_sweeper.optuna_sweeper.X'"),
            'this sweeper needs the package hydra-optuna-sweeper; pip install -e ".[optuna]"',
        ),
        (
            ValueError("Record does not exist."),
            "no job of this search returned a score; the reasons are above",
        ),
        (
            ValueError("CategoricalDistribution does not support dynamic value space."),
            "this study has other choices for a setting; give the same ones, or another run_name",
        ),
        (
            ValueError("Cannot set different distribution kind to the same parameter name."),
            "this study has other choices for a setting; give the same ones, or another run_name",
        ),
    ],
    ids=["launcher", "sweeper", "search", "choices", "kind"],
)
def test_what_plugins_say_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception, line: str
) -> None:
    monkeypatch.setattr(commands, "SHOW_TRACEBACKS", False)
    for name in ("HYDRA_FULL_ERROR", "DCGAN_FULL_ERROR", "DCGAN_COMMAND_PROCESS"):
        monkeypatch.setenv(name, "0")

    def command() -> None:
        raise error

    with pytest.raises(SystemExit) as ending:
        run_command(command)
    assert ending.value.code == 1
    assert capsys.readouterr().err == f"error: {line}\n"


def test_other_errors_of_the_program_stay_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HYDRA_FULL_ERROR", "DCGAN_FULL_ERROR", "DCGAN_COMMAND_PROCESS"):
        monkeypatch.setenv(name, "0")

    def command() -> None:
        raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        run_command(command)


def test_a_file_that_is_not_text_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "SHOW_TRACEBACKS", False)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    monkeypatch.setenv("DCGAN_FULL_ERROR", "0")
    monkeypatch.setenv("DCGAN_COMMAND_PROCESS", "0")
    monkeypatch.setattr(sys, "argv", ["train", f"--config-dir={tmp_path}"])
    (tmp_path / "latin.yaml").write_bytes(b"a: \xff")

    with pytest.raises(SystemExit):
        run_command(lambda: (tmp_path / "latin.yaml").read_text(encoding="utf-8"))
    error = capsys.readouterr().err
    assert error == f"error: {tmp_path}/latin.yaml: byte 3 is not UTF-8 text; fix this file\n"


def test_what_hydra_itself_raises_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands, "SHOW_TRACEBACKS", False)
    for name in ("HYDRA_FULL_ERROR", "DCGAN_FULL_ERROR", "DCGAN_COMMAND_PROCESS"):
        monkeypatch.setenv(name, "0")
    with pytest.raises(SystemExit) as ending:
        run_command(lambda: hydra.utils.get_method("no.such.thing"))
    assert ending.value.code == 1
    assert capsys.readouterr().err.count("\n") == 1
