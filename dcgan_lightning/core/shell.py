"""Commands to paste into a POSIX shell: values quoted for Hydra's override grammar, then for the shell.

Needs neither Hydra nor PyTorch, so every module that prints a command can use it.
"""

import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

# Unquoted, these characters make a text in Hydra's grammar, unless they make a number or one of its words.
_PLAIN = re.compile(r"[A-Za-z0-9_/.-]+")
_WORDS = ("null", "true", "false")


def override(key: str, value: str) -> str:
    """Return ``key=value`` as Hydra reads it back: the value stays a text, whatever it looks like.

    Args:
        key: As "run_name".
        value: Any text without control characters.
    """
    return f"{key}={value if _is_plain(value) else _quote(value)}"


def command(module: str, arguments: Iterable[str], python: str | None = None) -> str:
    """Return a command line.

    Args:
        module: Of this package, as "train".
        arguments: As the command gets them; overrides are in Hydra's grammar already.
        python: The interpreter as it is typed; this one if not given.
    """
    return " ".join([quote(python or this_python()), f"-m dcgan_lightning.{module}", *map(quote, arguments)])


def this_python() -> str:
    """Return how this interpreter is typed: "python" if the shell finds this one, else its path.

    The path is relative if it is below the working folder, as ``.venv/bin/python``. Links are not followed: a
    virtual environment's interpreter is a link to one without its packages.
    """
    if not sys.executable:
        return "python"
    found, this = shutil.which("python"), Path(os.path.abspath(sys.executable))
    if found and Path(os.path.abspath(found)).parent == this.parent and os.path.samefile(found, this):
        return "python"
    here = Path.cwd()
    return str(this.relative_to(here) if here in this.parents else this)


def quote(argument: str) -> str:
    """Return an argument as a POSIX shell takes it, in double quotes where it holds single ones."""
    if "'" in argument and not set(argument) & set('"$`\\!'):
        return f'"{argument}"'
    return shlex.quote(argument)


def _is_plain(value: str) -> bool:
    """Return whether Hydra reads an unquoted value as this text."""
    if not _PLAIN.fullmatch(value) or value.lower() in _WORDS:
        return False
    try:
        float(value)  # also nan and inf
    except ValueError:
        return True
    return False


def _quote(value: str) -> str:
    """Return a text in quotes; backslashes are special before a quote, ``${`` and the end only."""
    literal = re.sub(r"(\\*)\$\{", lambda found: rf"{2 * found[1]}\${{", value)
    escaped = re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + ("\\'" if found[2] else ""), literal)
    return f"'{escaped}'"
