"""What is typed after a command, checked and put in order before Hydra reads it."""

import argparse
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
from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.core.shell import override, quote

# What a bare path means, by the name of the primary configuration.
MAIN_KEYS = {
    "train": "ckpt_path",
    "generate": "ckpt_path",
    "evaluate": "ckpt_path",
    "export": "ckpt_path",
    "report": "run",
    "describe": "data.root",
    "train_classifier": "data.root",
}
_WITH_DATA = ("describe", "train_classifier")
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
    parser = _parser()
    given = parser.parse_intermixed_args(arguments)
    overrides = given.overrides
    if not given.shell_completion:
        for argument in overrides:
            _check_has_key(argument, config_name)
    modes = ("run", "multirun", "cfg", "info", "shell_completion")
    chosen = [f"--{mode.replace('_', '-')}" for mode in modes if getattr(given, mode)]
    if len(chosen) > 1:
        raise ConfigError(f"{' and '.join(chosen)} do not go together; give one of them")
    if given.resolve and not (given.cfg or given.help):
        raise ConfigError("--resolve goes with --cfg or --help only")
    if given.package and not given.cfg:
        raise ConfigError("--package goes with --cfg only")
    return [*_options(parser, given), *overrides]


class HydraFolder(Callback):
    """Hydra's callback that keeps Hydra's own files apart from a run's; here, before any is written."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Refuse a folder that could hold files of a run."""
        name = config.hydra.output_subdir
        if name is not None and not re.fullmatch(r"\.\w[^/\\]*", name):
            sys.exit(f"error: hydra.output_subdir must be null or a name as .hydra; got {name!r}")

    on_multirun_start = on_run_start


def _parser() -> argparse.ArgumentParser:
    """Return Hydra's parser; its refusals are errors of one line, and its version is this project's."""
    from hydra._internal.utils import get_args_parser

    def refuse(message: str) -> NoReturn:
        raise ConfigError(f"{message}; --hydra-help lists the options")

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


def _check_has_key(argument: str, config_name: str) -> None:
    """Refuse what is not ``key=value``, and paths with "=" in them; say what may have been meant."""
    key, equals, _ = argument.lstrip("+~").partition("=")
    if key.strip() and (argument.startswith("~") or (equals and not os.path.exists(argument))):
        return
    meant = _meant(argument, config_name)
    suggestion = f"did you mean {quote(meant)}?" if meant else "--help lists all keys"
    raise ConfigError(f"{argument!r} is not of the form key=value; {suggestion}")


def _meant(argument: str, config_name: str) -> str | None:
    """Return the override that an argument without a key may stand for."""
    is_path = os.path.exists(argument) or "/" in argument or argument.endswith(".ckpt")
    groups = _GROUPS if config_name == "train" else ("data",) if config_name in _WITH_DATA else ()
    for group in groups:
        if not is_path and Path(CONF_DIR, group, f"{argument}.yaml").is_file():
            return f"{group}={argument}"
    key = MAIN_KEYS.get(config_name)
    return override(key, argument) if key and (is_path or config_name != "train") else None
