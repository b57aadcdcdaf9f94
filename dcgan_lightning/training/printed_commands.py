"""Commands that continue a run or a sweep."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.core.regular_files import read_file
from dcgan_lightning.core.shell import command, override

RUN_TEMPLATE = "outputs/${run_name}"  # where conf/train.yaml puts runs and sweeps
# Settings that start the jobs of a sweep; a single job is continued without them.
_OF_A_SWEEP = re.compile(r"hydra[./](mode|sweep|sweeper|launcher|job\.(num|id))\b")
# Settings of one session. The run keeps its initial weights.
_OF_A_SESSION = ("ckpt_path", "init_from", "trainer.max_epochs", "hydra.run.dir")
_PLACES = ("run_name", "paths.output_dir")
_GIVEN = "# given: "  # before the arguments in a run's settings


def continue_command(
    folder: Path,
    overrides: Sequence[str],
    max_epochs: int,
    options: Sequence[str] = (),
    template: str = RUN_TEMPLATE,
    cwd: str = "",
) -> str:
    """Return the command that resumes a run: its settings with the necessary changes.

    Args:
        folder: The run's.
        overrides: Of the run, in Hydra's grammar, also those of Hydra's own settings.
        max_epochs: Number of epochs to train to.
        options: As ``--config-dir=...``.
        template: ``hydra.run.dir`` of the configuration.
        cwd: Where the command was typed, if that is not the working folder.
    """
    where = _where(folder, "hydra.run.dir", template, cwd)
    kept = _without(overrides, key_of(where))
    return _single([*options, *kept, where, "ckpt_path=last", f"trainer.max_epochs={max_epochs}"])


def encode_given(overrides: Sequence[str], options: Sequence[str] = ()) -> str:
    """Return the line of a run's settings that tells which were given, without those of one session.

    Args:
        overrides: Of the run, as for `continue_command`.
        options: As ``--config-dir=...``.
    """
    return f"{_GIVEN}{json.dumps([*options, *_without(overrides, *_PLACES)])}\n"


def read_given(config: Path) -> list[str] | None:
    """Return the arguments that `encode_given` has written into a run's settings; None if there are none."""
    try:
        first = read_file(config).decode().partition("\n")[0]
        given = json.loads(first.removeprefix(_GIVEN)) if first.startswith(_GIVEN) else None
    except (OSError, ValueError, RecursionError, RunFolderError):
        return None
    return given if isinstance(given, list) and all(isinstance(item, str) for item in given) else None


def corrected_command(given: Sequence[str], typed: Iterable[str]) -> str:
    """Return the command that resumes a run as typed, but with the run's own settings.

    Args:
        given: Of the run (see `read_given`).
        typed: Overrides of the command that had other settings.
    """
    return _single([*given, *(item for item in typed if key_of(item) in (*_OF_A_SESSION, *_PLACES))])


def _without(overrides: Iterable[str], *keys: str) -> list[str]:
    """Return the overrides without those of one session, those of a sweep and those with further keys."""
    left_out = (*_OF_A_SESSION, *keys)
    return [
        item for item in overrides if key_of(item) not in left_out and not _OF_A_SWEEP.match(key_of(item))
    ]


def _single(arguments: list[str]) -> str:
    """Return the command that trains a single run."""
    if any(key_of(item) == "sweep" for item in arguments):
        arguments.append("hydra.mode=RUN")  # the sweep's file holds settings of its jobs too
    return command("train", arguments)


def continue_sweep_command(folder: Path, arguments: Sequence[str], template: str = RUN_TEMPLATE) -> str:
    """Return the command that resumes a sweep: the missing jobs, none that is finished.

    Args:
        folder: The sweep's.
        arguments: Of the command that was stopped.
        template: ``hydra.sweep.dir`` of the configuration.
    """
    where = _where(folder.resolve(), "hydra.sweep.dir", template)
    replaced = ("ckpt_path", "hydra.sweep.dir", key_of(where))
    kept = [argument for argument in arguments if key_of(argument) not in replaced]
    return command("train", [*kept, where, "ckpt_path=auto"])


def key_of(argument: str) -> str:
    """Return the key of an override in Hydra's grammar, which may add or delete it."""
    return argument.lstrip("+~").partition("=")[0].strip()


def _where(folder: Path, key: str, template: str, cwd: str = "") -> str:
    """Return the override that leads to a folder."""
    outputs = Path(cwd, "outputs").resolve()
    is_named = template == RUN_TEMPLATE and outputs in folder.parents
    return override("run_name", str(folder.relative_to(outputs))) if is_named else override(key, str(folder))
