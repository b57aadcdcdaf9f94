"""Errors of Hydra, OmegaConf and YAML in one line."""

import errno
import re
import sys
import traceback
from pathlib import Path

from hydra.errors import HydraException
from omegaconf.errors import OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.core.errors import DCGANError, MissingExtraError, install, remedy_of


def one_line(error: Exception, config_name: str = "train") -> str:
    """Return what is wrong and what to do about it, in one line.

    Args:
        error: One of the project's, Hydra's, OmegaConf's, YAML's or the operating system's.
        config_name: The primary configuration, to suggest keys from.
    """
    if isinstance(error, DCGANError):
        return str(error)  # of one line, but for the list of data sources that were tried
    if isinstance(error, YAMLError):
        return _yaml_error(error)
    if isinstance(error, OSError) and not isinstance(error, HydraException):  # a missing option is both
        return _os_error(error)
    text = " ".join(str(error).split())
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException):
        text += " " + " ".join(str(cause).split())
    from dcgan_lightning.config.hydra_errors import explain

    return explain(error, text, config_name)


def _os_error(error: OSError) -> str:
    """Return what the operating system refused, under the setting that names the file if one does."""
    reason = " ".join((error.strerror or str(error)).split())
    if error.filename is None:
        return reason
    name = str(error.filename)
    settings = [argument for argument in sys.argv[1:] if _names(argument.partition("=")[2], name)]
    what = max(settings, key=len, default=name).replace("'", "").lstrip("+")
    if name not in what and error.errno != errno.ENAMETOOLONG:
        what = f"{what}: {name}"
    return f"{what}: {reason}; {remedy_of(error)}"


def _names(value: str, path: str) -> bool:
    """Return whether a value of the command line is a path, or a part of it."""
    value = value.strip("[]'\"").strip("/")
    return bool(value) and f"/{value}/" in f"/{path.strip('/')}/"


def missing_plugin(error: Exception) -> MissingExtraError | None:
    """Return what to say of a launcher or sweeper that is not installed, if that is what is wrong."""
    match = re.fullmatch(
        r"Unknown plugin class : 'hydra_plugins\.hydra_(\w+)_(launcher|sweeper)\..*'", str(error)
    )
    return match and MissingExtraError(
        f"this {match[2]} needs the package hydra-{match[1]}-{match[2]}; {install(match[1])}"
    )


def is_hydras_error(error: Exception) -> bool:
    """Return whether Hydra or OmegaConf raised an error: then the command line or a file is wrong."""
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals.get("__name__", "").partition(".")[0] in ("hydra", "omegaconf")


def _yaml_error(error: YAMLError) -> str:
    if isinstance(error, MarkedYAMLError) and (mark := error.problem_mark or error.context_mark):
        reason = " ".join(f"{error.context or ''} {error.problem or ''}".split())
        return f"{mark.name}:{mark.line + 1}:{mark.column + 1}: {reason}; fix this file"
    return f"{getattr(error, 'name', 'a configuration file')}: {' '.join(str(error).split())}; fix this file"


def describe_not_text(error: UnicodeDecodeError) -> str:
    """Return which configuration file is not UTF-8; neither Hydra nor the error names it."""
    folders = [CONF_DIR, *(argument.partition("=")[2] or argument for argument in sys.argv[1:])]
    for path in (path for folder in folders for path in sorted(Path(folder).glob("**/*.yaml"))):
        try:
            path.read_text(encoding="utf-8")
        except UnicodeDecodeError as found:
            return f"{path}: byte {found.start} is not UTF-8 text; fix this file"
    return f"a configuration file is not UTF-8 text: {error}"
