"""Commands that end well: a user's mistake is one line on stderr and exit code 1, and no traceback."""

import difflib
import os
import re
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from omegaconf.errors import OmegaConfBaseException

from dcgan_lightning.config import CONF_DIR, flatten, plain
from dcgan_lightning.errors import DCGANError

# Asked once at the start, because run_command sets the variable for Hydra.
SHOW_TRACEBACKS = os.environ.get("HYDRA_FULL_ERROR") == "1"


def one_line(error: Exception, config_name: str = "train") -> str:
    """Return what is wrong and what to do about it, in one line.

    Args:
        error: One of the project's, Hydra's, OmegaConf's or the operating system's.
        config_name: The primary configuration, to suggest keys from.
    """
    if isinstance(error, DCGANError):
        return str(error)  # of one line, but for the list of data sources that were tried
    text = " ".join(str(error).split())
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException):
        text += " " + " ".join(str(cause).split())
    if match := re.search(r"Could not override '([^']+)'", text):
        return f"unknown key {match[1]!r}{_suggestion(match[1], config_name)}"
    if match := re.search(
        r"Could not find '([^']+)' Available options in '([^']*)': (.*?) Config search path", text
    ):
        return f"unknown option {match[1]!r}; {match[2]} can be {', '.join(match[3].split())}"
    return text.partition(" Set the environment variable")[0]


def _suggestion(key: str, config_name: str) -> str:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra

    GlobalHydra.instance().clear()
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        known = [name for name, _ in flatten(plain(compose(config_name), resolve=False))]
    close = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
    close += [name for name in known if name.rpartition(".")[2] == key.rpartition(".")[2]]
    return f"; did you mean {close[0]!r}?" if close else "; --help lists all keys"


def run_command(command: Callable[[], Any], config_name: str = "train") -> NoReturn:
    """Run a Hydra command and end the process: a user's mistake is one line on stderr and exit code 1.

    ``HYDRA_FULL_ERROR=1`` in the environment shows the traceback instead.
    """
    from hydra.errors import HydraException

    os.environ["HYDRA_FULL_ERROR"] = "1"  # Hydra then leaves its errors to us
    try:
        command()
    except KeyboardInterrupt:
        print("stopped by Ctrl-C", file=sys.stderr)
        sys.exit(130)
    except (DCGANError, HydraException, OmegaConfBaseException, OSError) as error:
        refuse(error, config_name)
    sys.exit(0)


def refuse(error: Exception, config_name: str = "train") -> NoReturn:
    """Print what is wrong in one line and end the process with exit code 1."""
    if SHOW_TRACEBACKS:
        raise error
    print(f"error: {one_line(error, config_name)}", file=sys.stderr)
    sys.exit(1)
