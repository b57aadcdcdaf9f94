"""Compare runs: ``python -m dcgan_lightning.compare outputs/a outputs/b ...`` (see ``--help``).

It needs neither PyTorch nor the data: it reads the files of the runs.
"""

import logging
import os
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NoReturn

from omegaconf import DictConfig

from dcgan_lightning.cli import entry_point
from dcgan_lightning.config.validate import check_command
from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.runs.comparison import write_comparison
from dcgan_lightning.runs.run import is_sweep, read_runs

log = logging.getLogger("dcgan_lightning.compare")  # __name__ is "__main__" when run as a command

_WITH_A_VALUE = ("--config-dir", "-cd", "--config-path", "-cp", "--config-name", "-cn", "--cfg", "-c")


def compare(folders: Sequence[Path], output_dir: Path | None = None) -> str:
    """Compare settings and results of runs.

    Args:
        folders: Folders of runs, or of sweeps for all of their jobs.
        output_dir: Output folder for summary.csv, grids.png and curves.png; None: the sweep's folder for a
            single sweep, otherwise outputs/compare_<now>.

    Returns:
        The comparison as text for the terminal.

    Raises:
        ConfigError: There are fewer than two runs.
        RunFolderError: A folder holds no run, a file in it is damaged, or the output cannot be written.
    """
    runs = read_runs(folders)
    if len(runs) < 2:
        raise ConfigError(
            f"{len(runs)} run(s) given: a comparison needs at least two; give folders of runs or of a sweep"
        )
    if output_dir is None:
        is_one_sweep = len(folders) == 1 and is_sweep(folders[0])
        now = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
        output_dir = folders[0] if is_one_sweep else Path("outputs") / f"compare_{now}"
    return write_comparison(runs, output_dir)


def name_runs(arguments: Sequence[str]) -> list[str]:
    """Return a command line in Hydra's grammar, with folders given as ``runs=[...]``.

    Args:
        arguments: The command line as typed, without the command's name.
    """
    folders: list[str] = []
    others: list[str] = []
    for before, argument in zip(["", *arguments], arguments, strict=False):
        is_option = argument.startswith(("-", "+", "~")) or before in _WITH_A_VALUE
        is_folder = not is_option and ("=" not in argument or os.path.isdir(argument))
        (folders if is_folder else others).append(argument)
    if not folders:
        return others
    quoted = ["'" + folder.replace("\\", "\\\\").replace("'", "\\'") + "'" for folder in folders]
    return [*others, f"runs=[{','.join(quoted)}]"]


def _command(cfg: DictConfig) -> None:
    values = check_command(cfg, "compare")
    folders = [Path(run) for run in dict.fromkeys(values["runs"])]
    print(compare(folders, values["output_dir"] and Path(values["output_dir"])))


def main() -> NoReturn:
    """Run the command line."""
    sys.argv[1:] = name_runs(sys.argv[1:])
    entry_point("compare", _command)()


if __name__ == "__main__":
    main()
