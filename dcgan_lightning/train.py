"""Train: ``python -m dcgan_lightning.train key=value ...`` (see ``--help``)."""

import contextlib
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from dcgan_lightning.cli import USERS_ERRORS, refuse, run_command, work_where_typed
from dcgan_lightning.config.build import CONF_DIR, plain
from dcgan_lightning.config.hydra_files import written_by_hydra
from dcgan_lightning.config.validate import check_packages, validate
from dcgan_lightning.core.devices import describe_environment
from dcgan_lightning.core.errors import (
    CollapsedError,
    ConfigError,
    DCGANError,
    DivergedError,
    MemoryLackError,
    is_out_of_memory,
)
from dcgan_lightning.core.heartbeat import START_SECONDS, show_progress, telling_of_imports
from dcgan_lightning.core.locks import check_ownership, locked
from dcgan_lightning.core.processes import ending_with_sweep, is_first_process
from dcgan_lightning.runs.folder import INITIAL_FILE
from dcgan_lightning.runs.jobs import JobRecord, begin_job
from dcgan_lightning.sweeps.end import is_in_sweeps_process, summarized
from dcgan_lightning.sweeps.job import Outcome, forgetting_locals, hold, note_job
from dcgan_lightning.training.closing import describe_end, describe_score, how_to_go_on, next_steps
from dcgan_lightning.training.fingerprint import fingerprint
from dcgan_lightning.training.opening import facts_of
from dcgan_lightning.training.resume import CONFIG_FILE, check_folder, find_checkpoint, keeps_checkpoints
from dcgan_lightning.training.session import (
    Start,
    build_system,
    load_data,
    prepare_machine,
    prepare_trainer,
    read_start,
    run_loop,
)

if TYPE_CHECKING:  # importing PyTorch takes seconds and must not delay an error message
    import pytorch_lightning as pl

    from dcgan_lightning.callbacks import GracefulStop
    from dcgan_lightning.systems import System

log = logging.getLogger("dcgan_lightning.train")  # __name__ is "__main__" when run as a command

# Their jobs run on this machine and would outlive the sweep.
_LOCAL_LAUNCHERS = ("JoblibLauncher", "LocalLauncher")


@dataclass(frozen=True)
class RunResult:
    """The result of `train`.

    Attributes:
        folder: The run's folder.
        epochs: Finished epochs, over all sessions.
        seconds: Duration of this session in seconds.
        metrics: The last iteration's figures; empty if nothing was left to train.
        score: The lowest Fréchet distance measured by ``callbacks.scores``; None without that callback.
        system: The trained system.
        score_epoch: The epoch after which that score was measured, from 1.
        has_trained: Whether anything was left to train.
        iterations: Finished iterations of the last epoch if a callback ended the run within it; else 0.
    """

    folder: Path
    epochs: int
    seconds: float
    metrics: dict[str, float]
    score: float | None
    system: "System"
    score_epoch: int | None = None
    has_trained: bool = True
    iterations: int = 0


def train(cfg: DictConfig) -> RunResult:
    """Train as configured, or resume a run.

    Args:
        cfg: The composed configuration; ``paths.output_dir`` is the run's folder.

    Raises:
        ConfigError: A setting is wrong, or does not fit the checkpoint.
        DataError: The images are unavailable.
        CheckpointError: The checkpoint to resume from is missing or damaged.
        RunFolderError: The folder holds another run, or cannot be written.
        DivergedError: A loss or a weight became infinite or NaN.
        MemoryLackError: The networks or a batch do not fit into memory.
        ProcessError: Another process of the job has died.
    """
    validate(cfg)
    check_packages(plain(cfg))
    folder = Path(cfg.paths.output_dir)
    # Rank 0 holds the folder's lock for all processes of the job.
    with locked(folder) if is_first_process() else contextlib.nullcontext():
        ckpt_path = find_checkpoint(cfg.ckpt_path, folder, is_named=not _has_default_name(cfg))
        if is_first_process():
            # A start that was killed may have left the initial weights behind.
            unused = [*written_by_hydra(folder), folder / INITIAL_FILE]
            check_folder(folder, cfg.ckpt_path, ckpt_path, unused)
        try:
            return _train(cfg, folder, ckpt_path)
        except Exception as error:
            if is_out_of_memory(error):
                reason = " ".join(str(error).split())[:200]
                raise MemoryLackError(
                    f"out of memory ({reason}); try a smaller data.batch_size or fewer channels"
                ) from error
            raise


def _has_default_name(cfg: DictConfig) -> bool:
    """Return whether the run has the default name, which contains the time."""
    return "${now:" in str(plain(cfg, resolve=False).get("run_name"))


def _train(cfg: DictConfig, folder: Path, ckpt_path: Path | None) -> RunResult:
    started = time.monotonic()
    with telling_of_imports(), show_progress("loading PyTorch", first=START_SECONDS) as work:
        machine = prepare_machine(cfg)
        settings, environment = fingerprint(cfg, machine.processes), describe_environment(machine.accelerator)
        start = read_start(cfg, ckpt_path, settings, environment)
        work.what = "loading Lightning"
        from dcgan_lightning.callbacks import GracefulStop
        from dcgan_lightning.training.checkpoint_io import AtomicCheckpointIO

        work.what = "building the networks"
        system = build_system(cfg, start)
        work.what = "reading the images"
        datamodule = load_data(cfg, machine.processes, system, start)
        settings |= datamodule.fingerprint
        stop, checkpoint_io = GracefulStop(), AtomicCheckpointIO(settings, environment, folder, system.remedy)
        work.what = "preparing callbacks and loggers"
        trainer = prepare_trainer(cfg, machine, system, start, stop, checkpoint_io)
    with _reporting(cfg, folder, stop):
        run_loop(cfg, trainer, system, datamodule, start, stop)
    return _result(folder, trainer, system, start, stop, time.monotonic() - started)


@contextlib.contextmanager
def _reporting(cfg: DictConfig, folder: Path, stop: "GracefulStop") -> Iterator[None]:
    """Write the report after the block, also after a graceful stop, a collapse or a divergence.

    A report of a running training is always replaced.
    """
    try:
        yield
    except BaseException as error:
        # A run that collapsed or diverged in particular is worth inspecting.
        if stop.is_graceful or isinstance(error, CollapsedError | DivergedError) or _is_live(folder):
            _try_to_report(cfg, folder)
        raise
    _try_to_report(cfg, folder)


def _is_live(folder: Path) -> bool:
    """Return whether the run's report is that of a running training."""
    from dcgan_lightning.reports import REPORT_FILE, is_running_page

    return is_running_page(folder / REPORT_FILE)


def _try_to_report(cfg: DictConfig, folder: Path) -> None:
    """Write the report if requested; a failure to write it is only a warning."""
    if not cfg.report or not is_first_process():
        return
    from dcgan_lightning.reports import write_report

    try:
        write_report(folder)
    except Exception as error:
        log.warning("could not write the report: %s", " ".join(str(error).split()))


def _result(
    folder: Path, trainer: "pl.Trainer", system: "System", start: Start, stop: "GracefulStop", seconds: float
) -> RunResult:
    """Return the result of this session."""
    from dcgan_lightning.callbacks.scores import find_scores

    scores = find_scores(trainer)
    best = scores.best if scores else None
    return RunResult(
        folder=folder,
        epochs=trainer.current_epoch,
        seconds=seconds,
        metrics={name: float(value) for name, value in trainer.callback_metrics.items()},
        score=best.value if best else None,
        score_epoch=best.epoch if best else None,
        system=system,
        has_trained=not start.is_finished,
        iterations=stop.iterations,
    )


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="train")
def _command(cfg: DictConfig) -> float | None:
    work_where_typed()
    hydra_cfg = HydraConfig.get()
    folder = Path(hydra_cfg.runtime.output_dir)
    is_sweep = hydra_cfg.mode == RunMode.MULTIRUN
    if not is_first_process():
        logging.getLogger("dcgan_lightning").setLevel(logging.ERROR)
    outcome = Outcome()
    try:
        with contextlib.ExitStack() as stack:
            if is_sweep:
                stack.enter_context(forgetting_locals())
                sweep = Path(hydra_cfg.runtime.cwd, hydra_cfg.sweep.dir)
                job = _begin(cfg, sweep, folder)
                if job.status == "finished":
                    log.info("job %s is finished already: %s", job.folder, folder)
                    return job.objective
                if hydra_cfg.launcher._target_.endswith(_LOCAL_LAUNCHERS):
                    stack.enter_context(ending_with_sweep())  # outside of the record's block
                if is_first_process():
                    outcome = stack.enter_context(note_job(sweep, job))
            result = train(cfg)
            outcome.objective = result.score  # minimised by a search
            outcome.stop = "a callback" if result.iterations else ""
    except USERS_ERRORS as error:
        if not is_sweep:
            refuse(error)
        raise  # the other jobs continue
    except (KeyboardInterrupt, SystemExit):
        if not is_sweep and (folder / CONFIG_FILE).is_file():
            log.info("\n%s", how_to_go_on("go on", cfg, cfg.trainer.max_epochs))
        raise

    _log_end(cfg, result, is_sweep)
    return outcome.objective


def _log_end(cfg: DictConfig, result: RunResult, is_sweep: bool) -> None:
    """Log a summary of the training, its folder and the next commands."""
    log.info("\n%s", describe_end(result.epochs, result.seconds, result.has_trained, result.iterations))
    if result.score is not None and result.score_epoch is not None:
        log.info("%s", describe_score(result.score, result.score_epoch))
    log.info("everything is in %s", result.folder)
    if not is_sweep:
        inputs = facts_of(result.system).inputs if keeps_checkpoints(cfg.callbacks) else None
        for line in next_steps(result.folder, inputs, is_unscored=result.score is None):
            log.info("%s", line)
    what, epochs = ("go on", 0) if result.iterations else ("train on", 10)
    log.info("%s", how_to_go_on(what, cfg, cfg.trainer.max_epochs + epochs))


def _begin(cfg: DictConfig, sweep: Path, folder: Path) -> JobRecord:
    """Return the record of this sweep job: a new one, or the existing one of a finished job."""
    hydra_cfg = HydraConfig.get()
    job = JobRecord(
        folder=os.path.relpath(folder, sweep),
        overrides=tuple(hydra_cfg.overrides.task),
        epochs=cfg.trainer.max_epochs,
    )
    hold(sweep.absolute())
    try:
        check_ownership(sweep)
        if Path(cfg.paths.output_dir) != folder:
            raise ConfigError(
                "paths.output_dir is set by the sweep; choose run_name or hydra.sweep.dir instead"
            )
        return begin_job(sweep, job, cfg.ckpt_path)
    except DCGANError as error:
        if is_in_sweeps_process():
            refuse(error)  # the other jobs would fail in the same way
        raise


def main() -> None:
    """Run the command line."""
    run_command(lambda: summarized(_command))


if __name__ == "__main__":
    main()
