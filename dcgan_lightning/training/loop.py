"""Lightning's loop: the trainer with all its parts, and how its run ends."""

import logging
import signal
import warnings
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
from omegaconf import DictConfig
from pytorch_lightning.callbacks import Callback, Checkpoint
from pytorch_lightning.utilities.exceptions import SIGTERMException

from dcgan_lightning.callbacks import AveragedGenerator, GracefulStop, LiveReport, TrackedFiles
from dcgan_lightning.callbacks.logs import continued_version
from dcgan_lightning.callbacks.tracking import (
    close_trackers,
    keep_trackers_at_home,
    names_in_trackers,
    start_loggers,
)
from dcgan_lightning.config.build import build, plain
from dcgan_lightning.core.children import REMEDY
from dcgan_lightning.core.distributed import is_connection_error, is_timeout
from dcgan_lightning.core.errors import DivergedError, ProcessError
from dcgan_lightning.core.meetings import PATIENCE, failure, part
from dcgan_lightning.core.processes import is_first_process
from dcgan_lightning.core.signals import ended_by
from dcgan_lightning.systems import System
from dcgan_lightning.training.checkpoint_io import AtomicCheckpointIO
from dcgan_lightning.training.strategy import ManualDDPStrategy

ITERATION_HOOKS = (
    "on_train_batch_start",
    "on_before_backward",
    "on_after_backward",
    "on_before_optimizer_step",
    "on_train_batch_end",
)


def build_trainer(
    cfg: DictConfig,
    accelerator: str,
    processes: int,
    stop: GracefulStop,
    checkpoint_io: AtomicCheckpointIO,
    log_figures: bool = True,
    is_sweep: bool = False,
    card: int | None = None,
    iteration: int = 0,
) -> pl.Trainer:
    """Return Lightning's trainer with the configured callbacks and, if figures are logged, loggers.

    Args:
        cfg: The composed configuration.
        accelerator: Where to train.
        processes: How many train together.
        stop: Ends the training on signals.
        checkpoint_io: Writes and reads the checkpoints.
        log_figures: Whether there are loggers.
        is_sweep: Whether the run is one job of several.
        card: The only CUDA card to use; None: as configured.
        iteration: The run's iterations so far, over all epochs.
    """
    quieten_lightning(show_profile=cfg.trainer.profiler is not None)
    folder = Path(cfg.paths.output_dir)
    keep_trackers_at_home(folder)
    callbacks, loggers = (
        [
            build(part, **_not_given(part, folder, is_sweep, iteration))
            for part in (group or {}).values()
            if part and "_target_" in part
        ]
        for group in (cfg.get("callbacks"), cfg.get("logger"))  # null or without a target: left out
    )
    # The average is updated before it is used.
    callbacks.sort(key=lambda callback: not isinstance(callback, AveragedGenerator))
    trainer: pl.Trainer = build(
        cfg.trainer,
        accelerator=accelerator,
        devices=cfg.trainer.devices if card is None else [card],
        strategy=ManualDDPStrategy() if processes > 1 else "auto",
        callbacks=[*callbacks, TrackedFiles(), *([LiveReport()] if cfg.report else []), stop],
        logger=loggers if log_figures else [],
        plugins=[checkpoint_io],
        enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
    )
    skip_unused_hooks(trainer.callbacks)  # type: ignore[attr-defined]
    return trainer


def skip_unused_hooks(callbacks: Iterable[Callback]) -> None:
    """Set the hooks of an iteration that callbacks do not define to None, which Lightning does not call.

    A hundred calls without effect would take 1 % of an iteration of ``first_look`` on a CPU.

    Args:
        callbacks: Those of this project are changed in place; other code may call the hooks of others.
    """
    for callback in callbacks:
        if not type(callback).__module__.startswith("dcgan_lightning."):
            continue
        for hook in ITERATION_HOOKS:
            if getattr(getattr(callback, hook), "__func__", None) is getattr(Callback, hook):
                setattr(callback, hook, None)


def _not_given(part: DictConfig, folder: Path, is_sweep: bool, iteration: int) -> dict[str, Any]:
    """Return a logger's names (see `names_in_trackers`) and version where the user did not choose them."""
    names = names_in_trackers(part._target_, folder, is_sweep)
    chosen = {key: value for key, value in names.items() if key not in part}
    return chosen | continued_version(plain(part), folder, iteration)


def quieten_lightning(show_profile: bool) -> None:
    """Leave out what the run's own summary says in a line, and a warning about Lightning's own code."""
    levels = {
        "pytorch_lightning": logging.INFO if show_profile else logging.WARNING,
        "lightning_fabric": logging.WARNING,
    }
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
    warnings.filterwarnings("ignore", message=r"Found \d+ module\(s\) in eval mode")  # frozen layers


def fit(
    trainer: pl.Trainer,
    system: System,
    datamodule: Any,
    ckpt_path: Path | None,
    stop: GracefulStop,
) -> None:
    """Run Lightning's loop, to its end or to where another callback ends it (see `GracefulStop`).

    Raises:
        SystemExit: Code 143 after SIGTERM, which Lightning would turn into 0, or 129 after SIGHUP.
        KeyboardInterrupt: After Ctrl-C, which Lightning would turn into code 1.
        DivergedError: Names the last good checkpoint too.
        ProcessError: Another process of the job has ended.
    """
    try:
        with stop.armed(trainer):
            start_loggers(trainer)
            trainer.fit(system, datamodule=datamodule, ckpt_path=ckpt_path, weights_only=True)
            part()  # a process that still waits for the others elsewhere is noticed
    except BaseException as error:
        if isinstance(error, SIGTERMException):  # all processes end together
            if stop.signal is None and trainer.should_stop:
                return  # another callback has asked for the end
            if not is_first_process():
                raise SystemExit(0) from None  # only the first one's code counts
            raise ended_by(stop.signal or signal.SIGTERM) from None
        lost = _lost_process(error, trainer)
        if isinstance(trainer.strategy, ManualDDPStrategy):
            trainer.strategy.end_children()
        if isinstance(error, SystemExit) and isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        if isinstance(error, DivergedError):
            last = Path(trainer.default_root_dir) / "checkpoints" / "last.ckpt"
            state = f"the last good checkpoint is {last}" if last.exists() else "there is no checkpoint yet"
            raise DivergedError(f"{error}; {state}") from error
        if lost is not None:
            raise lost from error
        raise
    finally:
        close_trackers(trainer)


def _lost_process(error: BaseException, trainer: pl.Trainer) -> ProcessError | None:
    """Return what the error of an exchange between processes means; None for any other error."""
    if trainer.world_size == 1:
        return None
    if is_timeout(error):
        return ProcessError(
            f"process {trainer.global_rank} waited {PATIENCE.seconds} s for another process of this job in a "
            "collective operation: a callback exchanges values in one process only; leave it out and "
            f"{REMEDY}"
        )
    if not is_connection_error(error):
        return None
    return failure() or ProcessError(
        f"process {trainer.global_rank} lost another process of this job, which must have ended; {REMEDY}"
    )
