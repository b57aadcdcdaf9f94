"""What Hydra's refusals of a command line mean, in one line and with a remedy that works."""

import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, OverrideParseException

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.config.checks import not_text
from dcgan_lightning.config.nested import flatten
from dcgan_lightning.config.suggestions import keys_meant
from dcgan_lightning.config.systems import all_model_rules
from dcgan_lightning.config.training import NOT_OFFERED, TRAINING_RULES
from dcgan_lightning.core.shell import quote, setting

_SEARCH_PATH = re.compile(r" ?(Config search path:|See https:|Set the environment variable).*")
_LISTED = ("callbacks", "logger")  # groups of which several options are chosen


def explain(error: Exception, text: str, config_name: str) -> str:
    """Return what an error of Hydra's says, in our words where its own mislead.

    Args:
        error: Hydra's or OmegaConf's.
        text: Its message and its cause's, in one line.
        config_name: The primary configuration, to suggest keys from.
    """
    if isinstance(error, OverrideParseException):
        return _explain_grammar(error.override, _SEARCH_PATH.sub("", text))
    if match := re.search(r"Could not override '([^']+)'", text):
        return _explain_key(match[1], config_name)
    if match := re.search(
        r"Could not find '([^']+)' Available options in '([^']*)': (.*?) Config search", text
    ):
        return f"unknown option {match[1]!r}; {match[2]} can be {', '.join(match[3].split())}"
    if match := re.search(r"Could not load '([^']+)'", text):
        return _explain_option(match[1])
    if match := re.search(
        r"Multiple values for (\S+)\. To override a value use 'override [^:]+: (.+)'", text
    ):
        return f"{match[1]} has an option already; leave out the +: {match[1]}={match[2]}"
    if match := re.search(r"An item is already at '([^']+)'\. Either remove \+ prefix: '(.+?)' Or add", text):
        return f"{match[1]} has a value already; leave out the +: {match[2]}"
    if match := re.match(r"Ambiguous value for argument '([^=]+)=(.*?)' 1\. To use it as a list", text):
        return _explain_several(match[1], match[2])
    if match := re.search(r"^(.*) full_key: (\S+) object_type", text):
        return f"{match[2]}: {match[1].strip()}"
    return _SEARCH_PATH.sub("", text)


def _explain_grammar(argument: str, reason: str) -> str:
    """Return why an override cannot be read, and how its value would be a text."""
    key, _, value = argument.partition("=")
    found = re.search(r"(no viable|extraneous|mismatched|missing|token recognition).*", reason)
    reason = f"cannot read {argument}" + (f" ({found[0].strip()})" if found else "")
    if wanted := not_text(argument):
        return f"cannot read {argument}: it must be {wanted}"
    if not re.fullmatch(r"[+~]*[\w.@/]+", key, re.ASCII) or value[:1] in ("[", "{", "(", "'", '"', ""):
        return f"{reason}; see whether a bracket or a quote is missing"
    special = re.search(r"[^A-Za-z0-9_/.:%@?|+* -]", value)
    why = f"{special[0]!r} needs quotes" if special else "it needs quotes"
    return f"{reason}: {why}; type it as {setting(key, value)}"


def _explain_several(key: str, value: str) -> str:
    remedies = [f"{quote(f'{key}={value}')} -m runs each"]
    if _can_be_read(f"{key}=[{value}]"):
        remedies.append(f"{quote(f'{key}=[{value}]')} is a list")
    remedies.append(f"{setting(key, value)} a text")
    return f"{key} has several values: {', '.join(remedies[:-1])} and {remedies[-1]}"


def _can_be_read(argument: str) -> bool:
    try:
        OverridesParser.create().parse_override(argument)
    except HydraException:
        return False
    return True


def _explain_option(name: str) -> str:
    """Return which options of a group there are, in place of one that there is not."""
    group = name.rpartition("/")[0]
    options = sorted(path.stem for path in Path(CONF_DIR, group).glob("*.yaml"))
    return f"unknown option {name!r}" + (f"; {group} can be {', '.join(options)}" if options else "")


def _explain_key(key: str, config_name: str) -> str:
    """Return why a key is unknown: not offered, another option's, one to be added, or mistyped."""
    is_training = config_name == "train"
    if is_training and key in NOT_OFFERED:
        return f"{key} is not offered: {NOT_OFFERED[key]}"
    if options := [option for option, keys in _keys_of_options(key.partition(".")[0]) if key in keys]:
        group = key.partition(".")[0]
        *others, last = options
        choices = f"{group}=" + (f"{', '.join(others)} or {last}" if others else last)
        if group in _LISTED:
            own = {"callbacks": "default", "logger": "csv"}[group]
            choices = f"{group}=[{own},{options[0]}]"
        return f"{key} belongs to an option that is not chosen here: {choices}"
    if (is_training and key in TRAINING_RULES | all_model_rules()) or key.startswith("hydra.job.env_set."):
        return f"{key} has no value yet; add it with a +: +{key}=..."
    return f"unknown key {key!r}{_suggestion(key, config_name)}"


def _keys_of_options(group: str) -> Iterator[tuple[str, set[str]]]:
    """Yield the options of a group, and the keys that each has."""
    for path in sorted(Path(CONF_DIR, group).glob("*.yaml")) if group else []:
        content = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        yield path.stem, {key for key, _ in flatten(content, f"{group}.")}


def _suggestion(key: str, config_name: str) -> str:
    """Return the end of a message about an unknown key: what may have been meant."""
    meant = " and ".join(map(repr, keys_meant(key, config_name)))
    return f"; did you mean {meant}?" if meant else "; --help lists all keys"
