"""Write a run's report: ``python -m dcgan_lightning.report run=outputs/...`` (see ``--help``)."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig

from dcgan_lightning.cli import entry_point
from dcgan_lightning.config.validate import check_command
from dcgan_lightning.core.locks import is_abandoned, is_locked

if TYPE_CHECKING:
    from dcgan_lightning.reports import State

log = logging.getLogger("dcgan_lightning.report")  # __name__ is "__main__" when run as a command


def report(cfg: DictConfig) -> Path:
    """Write ``report.html`` into a run's folder.

    Args:
        cfg: The composed configuration; ``run`` is the folder.

    Returns:
        The file.

    Raises:
        ConfigError: ``run`` is missing or not a string, or there is an unknown key.
        RunFolderError: The folder holds no run, or cannot be written.
    """
    folder = Path(check_command(cfg, "report")["run"])

    from dcgan_lightning.reports import write_report

    state: State = "running" if is_locked(folder) else "interrupted" if is_abandoned(folder) else "ended"
    path = write_report(folder, state)
    log.info("%s (%.1f MB)", path, path.stat().st_size / 1e6)
    return path


main = entry_point("report", report)

if __name__ == "__main__":
    main()
