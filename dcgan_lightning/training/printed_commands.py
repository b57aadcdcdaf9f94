"""Commands that continue a run or a sweep."""

import re
from collections.abc import Sequence
from pathlib import Path

from dcgan_lightning.core.shell import command, override

RUN_TEMPLATE = "outputs/${run_name}"  # where conf/train.yaml puts runs and sweeps
# Settings that start the jobs of a sweep; a single job is continued without them.
_OF_A_SWEEP = re.compile(r"hydra[./](mode|sweep|sweeper|launcher|job\.(num|id))\b")


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
    # The run keeps its initial weights.
    replaced = ("ckpt_path", "init_from", "trainer.max_epochs", "hydra.run.dir", key_of(where))
    kept = [
        item for item in overrides if key_of(item) not in replaced and not _OF_A_SWEEP.match(key_of(item))
    ]
    go_on = [*options, *kept, where, "ckpt_path=last", f"trainer.max_epochs={max_epochs}"]
    if any(key_of(item) == "sweep" for item in kept):
        go_on.append("hydra.mode=RUN")  # the sweep's file holds settings of its jobs too
    return command("train", go_on)


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
