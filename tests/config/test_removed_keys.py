"""Each key of the shipped configurations removed once: the rest works, or is refused in one line."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import Compose
from omegaconf import DictConfig, OmegaConf

from dcgan_lightning.config.build import CONF_DIR, with_data
from dcgan_lightning.config.commands import COMMANDS
from dcgan_lightning.config.validate import check_command, validate
from dcgan_lightning.core.errors import DCGANError

GIVEN = {
    "compare": ["runs=[x]"],
    "report": ["run=x"],
    "stylize": ["content=knit", "style=dots"],
    "image_folder": ["data.root=x"],
    "image_domains": ["data.root=x"],
}
EXPERIMENTS = {"sngan": "first_look", "dcgan": "smoke"}  # the others have their model's name
FULL = ("callbacks=[default,averaged_generator,scores,collapse]", "logger=[csv,tensorboard]")


def keys_of(cfg: DictConfig, prefix: str = "") -> Iterator[str]:
    """Yield all keys, those of groups too."""
    for name in cfg:
        yield f"{prefix}{name}"
        part = cfg._get_node(name)
        if isinstance(part, DictConfig) and not part._is_none():
            yield from keys_of(part, f"{prefix}{name}.")


def problem_without(cfg: DictConfig, key: str, command: str) -> str:
    """Return the refusal of a configuration without a key; empty if the rest works."""
    cfg = copy.deepcopy(cfg)
    OmegaConf.set_struct(cfg, False)
    group, _, name = key.rpartition(".")
    del (OmegaConf.select(cfg, group) if group else cfg)[name]
    try:
        if command == "train":
            validate(cfg)
        else:
            takes_run = COMMANDS[command].takes_run
            check_command(with_data(cfg, lambda path: None) if takes_run else cfg, command)
    except DCGANError as error:
        return str(error)
    return ""


def refusals(cfg: DictConfig, command: str, group: str = "") -> dict[str, str]:
    """Remove each key of a group once; return the refusals by key."""
    refused = {}
    for key in keys_of(cfg):
        if key.startswith(group) and (problem := problem_without(cfg, key, command)):
            name = key.removesuffix("._target_")  # without its class a group is no option
            assert name in problem or name.rpartition(".")[0] in problem, (key, problem)
            assert "\n" not in problem
            refused[key] = problem
    return refused


@pytest.mark.parametrize("model", sorted(path.stem for path in Path(CONF_DIR, "model").glob("*.yaml")))
def test_settings_of_systems(compose_cfg: Compose, model: str) -> None:
    refused = refusals(compose_cfg(f"experiment={EXPERIMENTS.get(model, model)}"), "train", "model")
    assert refused["model._target_"] == "model is missing or empty; choose it as in model=dcgan"
    if model in ("dcgan", "sngan", "pix2pix"):
        for key in ("model.generator_channels", "model.discriminator_channels", "model.image_size"):
            assert f"{key} " in refused[key]


@pytest.mark.parametrize("data", sorted(path.stem for path in Path(CONF_DIR, "data").glob("*.yaml")))
def test_settings_of_images(compose_cfg: Compose, data: str) -> None:
    refused = refusals(compose_cfg(f"data={data}", *GIVEN.get(data, [])), "train", "data")
    assert "data.batch_size" in refused["data.batch_size"]


def test_settings_of_trainings(compose_cfg: Compose) -> None:
    refused = refusals(compose_cfg(*FULL), "train")
    assert refused["run_name"] == "run_name is missing; set it with run_name=..."


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_settings_of_commands(compose_cfg: Compose, command: str) -> None:
    given = GIVEN.get(command, ["ckpt_path=x"] if COMMANDS[command].takes_run else [])
    assert refusals(compose_cfg(*given, config_name=command), command)
