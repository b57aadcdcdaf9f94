"""What is typed after a command: sorted for Hydra, or refused in one line."""

import sys
from pathlib import Path

import pytest

from dcgan_lightning.config.command_line import MAIN_KEYS, read_arguments, sort_arguments
from dcgan_lightning.core.errors import ConfigError


@pytest.mark.parametrize(
    ("typed", "sorted_"),
    [
        ("a=1 -m b=2", "--multirun a=1 b=2"),
        (
            "a=1 -cd x b=2 --cfg job --package model c=3",
            "--cfg=job --package=model --config-dir=x a=1 b=2 c=3",
        ),
        ("-m", "--multirun"),
        ("", ""),
        ("+a=1 ~b ++c=2 --run ~d=3", "--run +a=1 ~b ++c=2 ~d=3"),
        ("a=1 --info searchpath", "--info=searchpath a=1"),
        ("--shell-completion install=bash", "--shell-completion install=bash"),
    ],
)
def test_options_come_first(typed: str, sorted_: str) -> None:
    assert sort_arguments(typed.split(), "train") == sorted_.split()
    assert sort_arguments(sorted_.split(), "train") == sorted_.split()


@pytest.mark.parametrize(
    ("command", "typed", "sorted_"),
    [
        ("evaluate", "ckpt_path=x data.root=y ++data.size=32", "ckpt_path=x ++data.root=y ++data.size=32"),
        ("evaluate", "data.count=9 data=synthetic", "data.count=9 data=synthetic"),
        ("train", "data.count=9", "data.count=9"),
        ("describe", "data.root=y", "data.root=y"),
    ],
)
def test_settings_are_added_to_a_runs_own_data(command: str, typed: str, sorted_: str) -> None:
    assert sort_arguments(typed.split(), command) == sorted_.split()


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ("-m --cfg job", "--multirun and --cfg do not go together; give one of them"),
        ("--info all --run", "--run and --info do not go together; give one of them"),
        ("--resolve", "--resolve goes with --cfg or --help only"),
        ("-p model", "--package goes with --cfg only"),
        ("--cfg nope", "argument --cfg/-c: invalid choice: 'nope'"),
        ("--frobnicate a=1", "unrecognized arguments: --frobnicate; --hydra-help lists the options"),
        ("--config-dir", "argument --config-dir/-cd: expected one argument"),
        ("smoke", "'smoke' is not of the form key=value; did you mean experiment=smoke?"),
        ("trainer", "'trainer' is not of the form key=value; --help lists all keys"),
        ("outputs/first", "did you mean ckpt_path=outputs/first?"),
        ("last.ckpt", "did you mean ckpt_path=last.ckpt?"),
        ("=", "'=' is not of the form key=value"),
        ("+=3", "'+=3' is not of the form key=value"),
    ],
)
def test_what_cannot_be_meant_is_one_line(typed: str, message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        sort_arguments(typed.split(), "train")
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["--epochs=3"], "trainer.max_epochs=3"),
        (["--epochs", "3"], "trainer.max_epochs=3"),
        (["--lr", "1e-3", "seed=1"], "model.generator_lr=1e-3 model.discriminator_lr=1e-3"),
        (["--batch-size=64"], "data.batch_size=64"),
        (["--seed=3"], "seed=3"),
        (["--seed", "data=synthetic"], "seed=..."),
        (["trainer.max_epochs", "3"], "trainer.max_epochs=3"),
        (["run_name=mein", "Übungs", "lauf"], "\"run_name='mein Übungs lauf'\""),
    ],
)
def test_other_programs_ways_are_understood(typed: list[str], meant: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        sort_arguments(typed, "train")
    assert str(refusal.value).endswith(f"; did you mean {meant}?")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        (
            "experiment=first_look experiment=smoke",
            "experiment=first_look and experiment=smoke are given together; give one of them",
        ),
        (
            "callbacks=default callbacks=scores",
            "callbacks=default and callbacks=scores are given together; give one of them, or a list as "
            "callbacks=[...,...]",
        ),
    ],
)
def test_two_options_that_look_as_if_both_counted_are_refused(typed: str, message: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        sort_arguments(typed.split(), "train")
    assert str(refusal.value) == message


@pytest.mark.parametrize(
    "typed",
    [
        "seed=1 seed=1",
        "seed=0,1 -m a=2",
        "~seed seed=1",
        "a.b=1 a.c=2",
        "seed=1 seed=3",
        "experiment=smoke experiment=nope",
    ],
)
def test_what_goes_together(typed: str) -> None:
    assert {*sort_arguments(typed.split(), "train")} - {"--multirun"} == {*typed.split()} - {"-m"}


@pytest.mark.parametrize(("command", "key"), MAIN_KEYS.items())
def test_a_path_without_its_key_is_understood(
    command: str, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    quoted = f"\"{key}='my runs/k=v'\""
    for path, meant in (("outputs/look", f"{key}=outputs/look"), ("my runs/k=v", quoted)):
        Path(path).mkdir(parents=True)
        with pytest.raises(ConfigError) as refusal:
            sort_arguments(["seed=1", path], command)
        assert str(refusal.value) == f"{path!r} is not of the form key=value; did you mean {meant}?"


def test_an_option_without_its_group_is_understood() -> None:
    for command, argument, meant in (
        ("train", "synthetic", "data=synthetic"),
        ("train", "ddp_cpu", "trainer=ddp_cpu"),
        ("describe", "synthetic", "data=synthetic"),
        ("describe", "folder", "data.root=folder"),
    ):
        with pytest.raises(ConfigError) as refusal:
            sort_arguments([argument], command)
        assert str(refusal.value).endswith(f"did you mean {meant}?")


def test_arguments_longer_than_a_file_name(monkeypatch: pytest.MonkeyPatch) -> None:
    long = f"seed={','.join(map(str, range(200)))}"
    monkeypatch.setattr(sys, "argv", ["train", "-m", long])
    read_arguments("train")
    assert long in sys.argv
