"""What is typed after a command, checked and put in order before Hydra reads it."""

import argparse
import itertools
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

import dcgan_lightning
from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.config.commands import COMMANDS
from dcgan_lightning.config.suggestions import keys_meant
from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.core.shell import override, quote

# What a bare path means, by the name of the primary configuration.
MAIN_KEYS = {
    "train": "ckpt_path",
    "generate": "ckpt_path",
    "stylize": "content",
    "evaluate": "ckpt_path",
    "export": "ckpt_path",
    "report": "run",
    "describe": "data.root",
    "train_classifier": "data.root",
}
_WITH_DATA = ("describe", "train_classifier")
_LISTED = ("callbacks", "logger")  # groups of which several options are chosen
_ONE_OPTION = ("experiment", *_LISTED)  # groups of which two overrides could seem to add up
_GROUPS = ("experiment", "sweep", "data", "trainer", "callbacks", "logger")  # whose options are typed alone


def read_arguments(config_name: str) -> None:
    """Check the arguments of this process, and sort them: Hydra takes options before overrides only.

    ``--version`` prints the version of this project and ends the process.

    Raises:
        ConfigError: An option is unknown or does not go with another one, or an override has no key.
    """
    sys.argv[1:] = sort_arguments(sys.argv[1:], config_name)


def sort_arguments(arguments: Sequence[str], config_name: str) -> list[str]:
    """Return arguments with their options first (see `read_arguments`)."""
    parser = _parser(arguments, config_name)
    given = parser.parse_intermixed_args(arguments)
    overrides = given.overrides
    if not given.shell_completion:
        for number in range(len(overrides)):
            _check_has_key(overrides, number, config_name)
        _check_given_once(overrides)
    modes = ("run", "multirun", "cfg", "info", "shell_completion")
    chosen = [f"--{mode.replace('_', '-')}" for mode in modes if getattr(given, mode)]
    if len(chosen) > 1:
        raise ConfigError(f"{' and '.join(chosen)} do not go together; give one of them")
    if given.resolve and not (given.cfg or given.help):
        raise ConfigError("--resolve goes with --cfg or --help only")
    if given.package and not given.cfg:
        raise ConfigError("--package goes with --cfg only")
    return [*_options(parser, given), *_added_to_own_data(overrides, config_name)]


class HydraFolder(Callback):
    """Hydra's callback that keeps Hydra's own files apart from a run's; here, before any is written."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse a folder that could hold files of a run."""
        name = config.hydra.output_subdir
        if name is not None and not re.fullmatch(r"\.\w[^/\\]*", name):
            sys.exit(f"error: hydra.output_subdir must be null or a name as .hydra; got {name!r}")

    on_multirun_start = on_run_start


def _parser(arguments: Sequence[str], config_name: str) -> argparse.ArgumentParser:
    """Return Hydra's parser; its refusals are errors of one line, and its version is this project's."""
    from hydra._internal.utils import get_args_parser

    def refuse(message: str) -> NoReturn:
        meant = _meant_by_option(message, arguments, config_name)
        remedy = f"did you mean {meant}?" if meant else "--hydra-help lists the options"
        raise ConfigError(f"{message}; {remedy}")

    parser = get_args_parser()
    parser.error = refuse  # type: ignore[method-assign]
    for action in parser._actions:
        if "--version" in action.option_strings:
            action.version = f"dcgan_lightning {dcgan_lightning.__version__}"  # type: ignore[attr-defined]
    return parser


def _options(parser: argparse.ArgumentParser, given: argparse.Namespace) -> list[str]:
    """Return the options that were given, each as one argument."""
    options = []
    for action in parser._actions:
        value: Any = getattr(given, action.dest, None)
        if action.option_strings and value not in (None, False):
            name = next(name for name in action.option_strings if name.startswith("--"))
            options.append(name if value is True else f"{name}={value}")
    return options


def _meant_by_option(message: str, arguments: Sequence[str], config_name: str) -> str:
    """Return the overrides that an unknown option such as ``--epochs=3`` or ``--epochs 3`` may stand for."""
    option = message.partition("unrecognized arguments: ")[2].partition(" ")[0]
    if not option.startswith("--") or option not in arguments:
        return ""
    name, equals, value = option.removeprefix("--").partition("=")
    following = arguments[arguments.index(option) + 1 :][:1]
    if not equals:
        value = following[0] if following and "=" not in following[0] else "..."
    return " ".join(f"{key}={value}" for key in keys_meant(name, config_name))


def _added_to_own_data(overrides: Sequence[str], config_name: str) -> list[str]:
    """Let settings of the data be typed alone where the run that a command takes has the others."""
    takes_run = config_name in COMMANDS and COMMANDS[config_name].takes_run
    if not takes_run or any(argument.lstrip("+").startswith("data=") for argument in overrides):
        return [*overrides]
    return [f"++{argument}" if argument.startswith("data.") else argument for argument in overrides]


def _check_given_once(overrides: Sequence[str]) -> None:
    """Refuse two options of a group that look as if both counted; Hydra takes the last.

    For other keys the last one counts, so that a script can append overrides to those it was given.
    """
    chosen: dict[str, str] = {}
    for argument in overrides:
        group, _, option = argument.partition("=")
        is_option = group in _ONE_OPTION and Path(CONF_DIR, group, f"{option}.yaml").is_file()
        if is_option and chosen.setdefault(group, option) != option:
            both = f"{group}={chosen[group]} and {group}={option}"
            listed = f", or a list as {group}=[...,...]" if group in _LISTED else ""
            raise ConfigError(f"{both} are given together; give one of them{listed}")


def _check_has_key(overrides: Sequence[str], number: int, config_name: str) -> None:
    """Refuse what is not ``key=value``, and paths with "=" in them; say what may have been meant."""
    argument = overrides[number]
    key, equals, _ = argument.lstrip("+~").partition("=")
    if key.strip() and (argument.startswith("~") or (equals and not os.path.exists(argument))):
        return
    meant = _meant(argument, config_name) or _meant_by_words(overrides, number, config_name)
    suggestion = f"did you mean {quote(meant)}?" if meant else "--help lists all keys"
    raise ConfigError(f"{argument!r} is not of the form key=value; {suggestion}")


def _meant_by_words(overrides: Sequence[str], number: int, config_name: str) -> str | None:
    """Return the override that words with spaces between them may stand for, as a key and its value."""
    rest = [*itertools.takewhile(lambda word: "=" not in word, overrides[number:])]
    if len(rest) > 1 and overrides[number] in (keys := keys_meant(overrides[number], config_name)):
        return f"{keys[0]}={rest[1]}"
    key, equals, value = overrides[number - 1].partition("=") if number else ("", "", "")
    return override(key, " ".join([value, *rest])) if equals else None


def _meant(argument: str, config_name: str) -> str | None:
    """Return the override that an argument without a key may stand for."""
    is_path = os.path.exists(argument) or "/" in argument or argument.endswith(".ckpt")
    groups = _GROUPS if config_name == "train" else ("data",) if config_name in _WITH_DATA else ()
    for group in groups:
        if not is_path and Path(CONF_DIR, group, f"{argument}.yaml").is_file():
            return f"{group}={argument}"
    key = MAIN_KEYS.get(config_name)
    return override(key, argument) if key and (is_path or config_name != "train") else None
