"""What README says can be typed, exists and is valid."""

import re
import shlex
from pathlib import Path

import pytest
from conftest import Compose
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser

import dcgan_lightning
from dcgan_lightning.compare import name_runs
from dcgan_lightning.config import CONF_DIR, check_command, validate

ROOT = Path(dcgan_lightning.__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
# In blocks of code and in running text alike; a comment ends a command.
COMMANDS = sorted(set(re.findall(r"python -m (dcgan_lightning\.\w+)([^`#\n]*)", README)))
GROUP_ROWS = "\n".join(re.findall(r"^\| `\w+` \| .*$", README, flags=re.MULTILINE))
TABLE_EXAMPLES = sorted(set(re.findall(r"`((?:[\w.]+=[^`\s]+ ?)+)`", GROUP_ROWS)))


def compose_arguments(compose_cfg: Compose, arguments: list[str], config_name: str) -> None:
    """Compose a command's overrides, with the first value of each sweep, and validate the result."""
    if config_name == "compare":
        with initialize_config_dir(CONF_DIR, version_base="1.3"):
            check_command(compose(config_name, name_runs(arguments)), config_name)
        return
    overrides = []
    for override in OverridesParser.create().parse_overrides(arguments):
        value = next(override.sweep_string_iterator()) if override.is_sweep_override() else None
        overrides.append(f"{override.get_key_element()}={value}" if value else override.input_line)
    cfg = compose_cfg(*overrides, config_name=config_name)
    if config_name == "train":
        validate(cfg)
    else:
        check_command(cfg, config_name)


@pytest.mark.parametrize(("module", "text"), COMMANDS)
def test_commands_are_valid(compose_cfg: Compose, module: str, text: str) -> None:
    arguments = [argument for argument in shlex.split(text) if argument not in ("-m", "--help")]
    config_names = {"dcgan_lightning.data": "describe"}
    config_name = config_names.get(module, module.rpartition(".")[2])
    compose_arguments(compose_cfg, arguments, config_name)


@pytest.mark.parametrize("text", TABLE_EXAMPLES)
def test_overrides_in_the_text_are_valid(compose_cfg: Compose, text: str) -> None:
    compose_arguments(compose_cfg, text.split(), "train")


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    assert set(re.findall(r"^make ([a-z-]+)", README, flags=re.MULTILINE)) <= targets
    assert {"train", "test"} <= targets


def test_links_and_pictures_exist() -> None:
    for page in (README, (ROOT / "outputs" / "README.md").read_text().replace("../README.md", "README.md")):
        for target in re.findall(r"\]\(([^)#]+)", page):
            assert target.startswith("http") or (ROOT / target).exists(), target
