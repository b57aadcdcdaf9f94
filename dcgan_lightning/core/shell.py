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
        value: Any text.
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


def setting(key: str, value: str) -> str:
    """Return ``key=value`` as it is typed in a shell."""
    return quote(override(key, value))


def quote(argument: str) -> str:
    """Return an argument as a POSIX shell takes it, in double quotes where it holds single ones.

    What cannot be printed (control characters, bytes that are no text, letters that the encoding of stdout or
    stderr lacks) is written as Bash's ``$'...'``, which gives back the same bytes.
    """
    if not _can_be_printed(argument):
        return "$'" + "".join(map(_escape, _bytes(argument))) + "'"
    if "'" in argument and not set(argument) & set('"$`\\!'):
        return f'"{argument}"'
    return shlex.quote(argument)


def _can_be_printed(argument: str) -> bool:
    try:
        for stream in (sys.stdout, sys.stderr):
            argument.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return argument.isprintable()


def _bytes(argument: str) -> bytes:
    """Return the bytes that Python reads an argument from."""
    try:
        return os.fsencode(argument)
    except UnicodeEncodeError:  # text of a file, in a locale that lacks its letters
        return argument.encode("utf-8", "surrogateescape")


def _escape(byte: int) -> str:
    """Return a byte of an argument within ``$'...'``."""
    letter = chr(byte)
    if letter in "'\\":
        return "\\" + letter
    return letter if letter.isascii() and letter.isprintable() else f"\\{byte:03o}"


def _is_plain(value: str) -> bool:
    """Return whether Hydra reads an unquoted value as this text."""
    if not _PLAIN.fullmatch(value) or value.lower() in _WORDS:
        return False
    try:
        float(value)  # also nan and inf
    except ValueError:
        return True
    return False


def literal(value: str) -> str:
    """Return a text as a configuration holds it: OmegaConf resolves no reference in it, as ``${seed}``."""
    return re.sub(r"(\\*)\$\{", lambda found: rf"{2 * found[1]}\${{", value)


def _quote(value: str) -> str:
    """Return a text in quotes; backslashes are special before a quote, ``${`` and the end only."""
    escaped = re.sub(r"(\\*)('|$)", lambda found: 2 * found[1] + ("\\'" if found[2] else ""), literal(value))
    return f"'{escaped}'"
