"""Hydra's refusals say what is meant, and what they advise works."""

import shlex

import pytest
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.config.messages import one_line


def refusal(*overrides: str, config_name: str = "train") -> str:
    with pytest.raises(HydraException) as caught, initialize_config_dir(CONF_DIR, version_base="1.3"):
        compose(config_name, list(overrides))
    line = one_line(caught.value, config_name)
    assert "\n" not in line
    return line


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            "experiment=smoke data.root=/x",
            "data.root belongs to an option that is not chosen here: data=cifar10, domains, emnist",
        ),
        ("data.fit=pad", "that is not chosen here: data=image_domains or image_folder"),
        ("callbacks.scores.count=500", "that is not chosen here: callbacks=[default,scores]"),
        ("logger.wandb.offline=true", "that is not chosen here: logger=[csv,wandb]"),
        (
            "trainer.num_nodes=2",
            "trainer.num_nodes belongs to an option that is not chosen here: trainer=ddp",
        ),
        ("trainer.max_steps=5", "trainer.max_steps is not offered: it counts optimizer steps"),
        ("trainer.strategy=ddp", "trainer.strategy is not offered: it follows from trainer.devices"),
        (
            "trainer.benchmark=true",
            "trainer.benchmark has no value yet; add it with a +: +trainer.benchmark=...",
        ),
        ("trainer.max_epoch=5", "unknown key 'trainer.max_epoch'; did you mean 'trainer.max_epochs'?"),
        ("hydra.job.env_set.A=1", "add it with a +: +hydra.job.env_set.A=..."),
        (
            "callbacks=[default,ema]",
            "unknown option 'callbacks/ema'; callbacks can be averaged_generator, checkp",
        ),
        (
            "logger=[csv,nope]",
            "unknown option 'logger/nope'; logger can be csv, mlflow, none, tensorboard, wandb",
        ),
        ("experiment=nope", "unknown option 'experiment/nope'; experiment can be best, cyclegan, "),
        ("+data=synthetic", "data has an option already; leave out the +: data=synthetic"),
        ("+seed=1", "seed has a value already; leave out the +: seed=1"),
        (
            "model.betas=[0.5",
            "(no viable alternative at input '[0.5'); see whether a bracket or a quote is missing",
        ),
    ],
)
def test_what_is_wrong_is_said_in_our_words(overrides: str, message: str) -> None:
    assert message in refusal(*overrides.split())


def test_no_suggestion_repeats_the_key() -> None:
    for key in ("data.root", "callbacks.scores.count", "trainer.num_nodes", "trainer.benchmark"):
        assert f"did you mean {key!r}" not in refusal("experiment=smoke", f"{key}=1")


@pytest.mark.parametrize("name", ["it's", "größe", "k=v", "#a", "!!", "a,b", "x, y"])
def test_the_advised_quotes_make_a_text(name: str) -> None:
    line = refusal(f"run_name={name}")
    advice = line.partition("; type it as ")[2] or line.rpartition(" and ")[2].removesuffix(" a text")
    (argument,) = shlex.split(advice)
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        assert compose("train", [argument]).run_name == name


def test_the_character_that_needs_quotes_is_named() -> None:
    reason = "cannot read run_name=mein Übungs lauf: 'Ü' needs quotes; type it as "
    assert refusal("run_name=mein Übungs lauf") == f"{reason}\"run_name='mein Übungs lauf'\""


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("lr=1e-3", "'model.generator_lr' and 'model.discriminator_lr'"),
        ("epochs=3", "'trainer.max_epochs'"),
        ("batch_size=64", "'data.batch_size'"),
        ("resume=last", "'ckpt_path'"),
    ],
)
def test_other_programs_names_are_known(typed: str, meant: str) -> None:
    assert refusal(typed) == f"unknown key {typed.partition('=')[0]!r}; did you mean {meant}?"


def test_other_commands_suggest_their_own_keys() -> None:
    assert refusal("trainer.max_steps=1", config_name="export").startswith("unknown key 'trainer.max_steps'")
    assert refusal("step=1", config_name="generate") == "unknown key 'step'; did you mean 'steps'?"
    chosen = "not chosen here: data=image_domains or image_folder"
    assert chosen in refusal("data.fit=pad", config_name="generate")
