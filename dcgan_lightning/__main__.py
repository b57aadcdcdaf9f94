"""List the commands: ``python -m dcgan_lightning``."""

import argparse
import difflib
import sys
from pathlib import Path
from typing import NoReturn

import yaml

import dcgan_lightning
from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.core.shell import command

# Names of their configurations, in the order in which users need the commands.
COMMANDS = (
    "train",
    "generate",
    "translate",
    "stylize",
    "evaluate",
    "export",
    "play",
    "report",
    "compare",
    "describe",
    "train_classifier",
)


def list_commands() -> str:
    """Return a line per command: its name and its purpose."""
    helps = [yaml.safe_load(Path(CONF_DIR, "hydra", "help", f"{name}.yaml").read_text()) for name in COMMANDS]
    width = max(len(entry["app_name"]) for entry in helps)
    lines = [f"  python -m {entry['app_name']:<{width}}  {entry['header']}" for entry in helps]
    return "\n".join(["Commands, each with --help and --version:", "", *lines])


def refuse(message: str) -> NoReturn:
    """Print the error in one line, with a suggestion, and exit with code 1."""
    word = message.partition("unrecognized arguments: ")[2].partition(" ")[0]
    if close := difflib.get_close_matches(word, [*COMMANDS, "data"], n=1):
        meant = command("data" if close[0] == "describe" else close[0], [])
        sys.exit(f"error: {message}; did you mean {meant}?")
    sys.exit(f"error: {message}; python -m dcgan_lightning lists the commands, as dcgan_lightning.train")


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        "python -m dcgan_lightning",
        description=f"{dcgan_lightning.__doc__.partition(chr(10))[0]}\n\n{list_commands()}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="python -m dcgan_lightning.COMMAND key=value ...",
    )
    parser.error = refuse  # type: ignore[method-assign]
    version = f"dcgan_lightning {dcgan_lightning.__version__}"
    parser.add_argument("--version", action="version", version=version)
    parser.parse_args()
    parser.print_help()


if __name__ == "__main__":
    main()
