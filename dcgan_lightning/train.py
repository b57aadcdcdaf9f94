"""Train: ``python -m dcgan_lightning.train key=value ...`` (see ``--help``)."""

import contextlib
import logging
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from dcgan_lightning.cli import refuse, run_command, work_where_typed
from dcgan_lightning.config.build import CONF_DIR, build, plain
from dcgan_lightning.config.data import iterations_of_epoch
from dcgan_lightning.config.hydra_files import accept, written_by_hydra
from dcgan_lightning.config.parts import monitor_problem
from dcgan_lightning.config.validate import check_packages, check_sizes, validate
from dcgan_lightning.core.devices import (
    card_of_job,
    check_processes,
    choose_accelerator,
    describe_environment,
    set_tf32,
    set_threads,
    threads_of_job,
)
from dcgan_lightning.core.errors import (
    CollapsedError,
    ConfigError,
    DCGANError,
    DivergedError,
    MemoryLackError,
    is_out_of_memory,
)
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.locks import locked
from dcgan_lightning.core.memory import keep_freed_memory
from dcgan_lightning.core.processes import end_with_parent, ending_with_sweep, is_first_process
from dcgan_lightning.core.temporaries import remove_leftovers
from dcgan_lightning.runs.jobs import JobRecord, begin_job
from dcgan_lightning.sweeps.end import is_in_sweeps_process, summarized
from dcgan_lightning.sweeps.job import Outcome, forgetting_locals, note_job
from dcgan_lightning.training.closing import describe_end, describe_score, next_steps
from dcgan_lightning.training.fingerprint import default_settings, fingerprint
from dcgan_lightning.training.printed_commands import continue_command
from dcgan_lightning.training.resume import (
    CONFIG_FILE,
    check_folder,
    check_resumable,
    find_checkpoint,
    keeps_checkpoints,
    take_over,
)
from dcgan_lightning.training.start import starting

if TYPE_CHECKING:  # PyTorch takes seconds to import, and a refusal needs none of it
    import pytorch_lightning as pl

    from dcgan_lightning.systems import System

log = logging.getLogger("dcgan_lightning.train")  # __name__ is "__main__" when run as a command

# Their jobs run on this machine and would outlive the sweep.
_LOCAL_LAUNCHERS = ("JoblibLauncher", "LocalLauncher")


NO_CHECKPOINTS = "without callbacks.checkpoint no checkpoint is kept: this run cannot be continued or used"


@dataclass(frozen=True)
class RunResult:
    """What a training leaves in memory.

    Attributes:
        folder: The run's folder.
        epochs: Finished epochs, over all sessions.
        seconds: Duration of this session.
        metrics: The last iteration's four figures; empty if nothing was left to train.
        score: The lowest Fréchet distance that ``callbacks.scores`` measured, if it was there.
        system: The trained networks.
        score_epoch: After which epoch the score was measured.
        has_trained: Whether anything was left to train.
        iterations: Finished ones of an epoch in whose middle a callback has ended the run; else 0.
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
    """Train as configured, or go on with a run.

    Args:
        cfg: The composed configuration; ``paths.output_dir`` is the run's folder.

    Raises:
        ConfigError: A setting is wrong, or does not fit the checkpoint.
        DataError: The images cannot be had.
        CheckpointError: The checkpoint to go on from is missing or damaged.
        RunFolderError: The folder holds another run, or cannot be written.
        DivergedError: A loss or a weight is not finite any more.
        MemoryLackError: The networks or a batch do not fit into the memory.
        ProcessError: Another process of the job is gone.
    """
    validate(cfg)
    check_packages(plain(cfg))
    folder = Path(cfg.paths.output_dir)
    # The other processes of a job follow the first one, which owns the folder for all of them.
    with locked(folder) if is_first_process() else contextlib.nullcontext():
        ckpt_path = find_checkpoint(cfg.ckpt_path, folder)
        if is_first_process():
            check_folder(folder, cfg.ckpt_path, ckpt_path, written_by_hydra(folder))
        try:
            return _train(cfg, folder, ckpt_path)
        except Exception as error:
            if is_out_of_memory(error):
                reason = " ".join(str(error).split())[:200]
                raise MemoryLackError(
                    f"out of memory ({reason}); try a smaller data.batch_size or fewer channels"
                ) from error
            raise


def _train(cfg: DictConfig, folder: Path, ckpt_path: Path | None) -> RunResult:
    started = time.monotonic()
    if not is_first_process():
        end_with_parent()
    is_sweep = HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN
    processes = check_processes(plain(cfg.trainer), is_sweep)
    accelerator = choose_accelerator(cfg.trainer.accelerator)
    card = card_of_job(plain(cfg.trainer), accelerator, int(HydraConfig.get().job.num)) if is_sweep else None
    threads = cfg.threads or (threads_of_job(HydraConfig.get().launcher) if is_sweep else None)
    set_threads(threads, accelerator, processes // int(cfg.trainer.get("num_nodes", 1)))
    set_tf32(cfg.tf32)
    keep_freed_memory()
    settings, environment = fingerprint(cfg, processes), describe_environment(accelerator)
    from dcgan_lightning.runs.checkpoints import iterations_so_far, read_checkpoint
    from dcgan_lightning.runs.compatibility import (
        check_callbacks,
        check_fits,
        check_optimizers,
        check_position,
    )

    checkpoint: dict[str, Any] = {}
    is_finished = False
    if ckpt_path is not None:
        checkpoint = read_checkpoint(ckpt_path)
        is_finished = check_resumable(
            checkpoint, ckpt_path, settings, environment, cfg.trainer.max_epochs, default_settings(cfg)
        )
    from dcgan_lightning.callbacks import GracefulStop
    from dcgan_lightning.callbacks.logs import continue_tables
    from dcgan_lightning.callbacks.scores import find_scores
    from dcgan_lightning.training.checkpoint_io import AtomicCheckpointIO
    from dcgan_lightning.training.loop import build_trainer, fit

    checkpoint_io = AtomicCheckpointIO(settings, environment, folder)
    system = build(cfg.model)
    if problem := monitor_problem(plain(cfg), [figure.name for figure in system.figures]):
        raise ConfigError(problem)
    if ckpt_path is not None:
        check_fits(checkpoint, system, ckpt_path)
        check_optimizers(checkpoint, system.configure_optimizers(), ckpt_path)
    datamodule = build(cfg.data)
    datamodule.prepare_data()
    datamodule.setup()
    check_sizes(plain(cfg), len(datamodule.images), processes)
    system.check_data(datamodule.labels)
    if ckpt_path is not None:
        limit = cfg.trainer.limit_train_batches
        per_epoch = iterations_of_epoch(len(datamodule.images), cfg.data.batch_size, limit)
        check_position(checkpoint, per_epoch, ckpt_path)
    stop = GracefulStop()
    iterations = iterations_so_far(checkpoint) if checkpoint else 0
    trainer = build_trainer(
        cfg,
        accelerator,
        processes,
        stop,
        checkpoint_io,
        log_figures=not is_finished,
        is_sweep=is_sweep,
        card=card,
        iteration=iterations,
    )
    if ckpt_path is not None:
        callbacks = trainer.callbacks  # type: ignore[attr-defined]
        check_callbacks(checkpoint, callbacks, system, ckpt_path)
    done = trainer.fit_loop.epoch_loop.batch_progress.total
    try:
        with starting(plain(cfg), folder, lambda: done.completed > iterations):
            if is_first_process():
                if ckpt_path is not None and trainer.checkpoint_callbacks:
                    take_over(ckpt_path, folder)
                continue_tables(trainer.loggers, folder, iterations)
                describe_run(cfg, folder, trainer, system, datamodule.source)
                log.info("%s", describe_iteration(cfg, len(datamodule.images), processes))
                if not keeps_checkpoints(cfg.callbacks):
                    log.warning(NO_CHECKPOINTS)
            fit(trainer, system, datamodule, ckpt_path, stop)
    except (KeyboardInterrupt, SystemExit):
        if stop.is_graceful:
            _try_to_report(cfg, folder)
        raise
    except (CollapsedError, DivergedError):
        _try_to_report(cfg, folder)  # such a run in particular is one to look at
        raise
    _try_to_report(cfg, folder)
    scores = find_scores(trainer)
    best = scores.best if scores else None
    return RunResult(
        folder=folder,
        epochs=trainer.current_epoch,
        seconds=time.monotonic() - started,
        metrics={name: float(value) for name, value in trainer.callback_metrics.items()},
        score=best.value if best else None,
        score_epoch=best.epoch if best else None,
        system=system,
        has_trained=not is_finished,
        iterations=stop.iterations,
    )


def _try_to_report(cfg: DictConfig, folder: Path) -> None:
    """Write the report if one is wanted; a trained run is not lost for want of it."""
    if not cfg.report or not is_first_process():
        return
    from dcgan_lightning.reports import write_report

    try:
        write_report(folder)
    except Exception as error:
        log.warning("the report was not written: %s", " ".join(str(error).split()))


def describe_run(cfg: DictConfig, folder: Path, trainer: "pl.Trainer", system: "System", source: str) -> None:
    """Keep settings and networks in the run's folder, and say what starts."""
    import torch

    from dcgan_lightning.networks.summary import summarize

    networks = "\n\n".join(
        summarize(getattr(system, name), *example) for name, example in system.examples().items()
    )
    accept()
    write_atomic(folder / CONFIG_FILE, OmegaConf.to_yaml(cfg, resolve=True).encode())
    write_atomic(folder / "networks.txt", f"{networks}\n".encode())
    for part in [folder, *folder.iterdir()]:
        if part.is_dir() and not part.is_symlink():
            remove_leftovers(part)
    device = trainer.strategy.root_device
    name = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    )
    team = f" in {trainer.world_size} processes" if trainer.world_size > 1 else ""
    log.info("%s\n\ntraining on %s (%s)%s, %s, into %s", networks, device.type, name, team, source, folder)


def describe_iteration(cfg: DictConfig, count: int, processes: int) -> str:
    """Return what an iteration and an epoch are, over all processes, in one line.

    Args:
        cfg: The composed configuration.
        count: Number of training images.
        processes: How many train together.
    """
    batch_size, limit = cfg.data.batch_size, cfg.trainer.limit_train_batches
    iterations = iterations_of_epoch(count, batch_size, limit)
    share = f", {batch_size // processes} in each of {processes} processes" if processes > 1 else ""
    rates = {name.removesuffix("_lr"): rate for name, rate in cfg.model.items() if name.endswith("_lr")}
    named = ", ".join(f"{name} {rate:g}" for name, rate in rates.items())
    learning = f"; learning rates: {named}" if rates else ""
    return f"iteration: {batch_size} images{share}; epoch: {iterations} iterations{learning}"


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
                    stack.enter_context(ending_with_sweep())  # around the record, which it must not cut off
                if is_first_process():
                    outcome = stack.enter_context(note_job(sweep, job))
            result = train(cfg)
            outcome.objective = result.score  # what a search looks for the smallest of
            outcome.stop = "a callback" if result.iterations else ""
    except DCGANError as error:
        if not is_sweep:
            refuse(error)
        raise  # the other jobs go on
    except (KeyboardInterrupt, SystemExit):
        if not is_sweep and (folder / CONFIG_FILE).is_file():
            log.info("\n%s", _how_to_go_on("go on", cfg, cfg.trainer.max_epochs))
        raise

    log.info("\n%s", describe_end(result.epochs, result.seconds, result.has_trained, result.iterations))
    if result.score is not None and result.score_epoch is not None:
        log.info("%s", describe_score(result.score, result.score_epoch))
    log.info("everything is in %s", folder)
    if not is_sweep:
        for line in next_steps(folder, keeps_checkpoints(cfg.callbacks)):
            log.info("%s", line)
    what, epochs = ("go on", 0) if result.iterations else ("train on", 10)
    log.info("%s", _how_to_go_on(what, cfg, cfg.trainer.max_epochs + epochs))
    return outcome.objective


def _how_to_go_on(what: str, cfg: DictConfig, max_epochs: int) -> str:
    """Return a line with the command that goes on with this run, or why there is none."""
    if not keeps_checkpoints(cfg.callbacks):
        return NO_CHECKPOINTS
    hydra_cfg: Any = HydraConfig.get()
    arguments = continue_command(
        Path(hydra_cfg.runtime.output_dir),
        [*hydra_cfg.overrides.hydra, *hydra_cfg.overrides.task],
        max_epochs,
        _options(hydra_cfg),
        plain(hydra_cfg.run, resolve=False)["dir"],
        hydra_cfg.runtime.cwd,
    )
    return f"{what} with: {arguments}"


def _options(hydra_cfg: Any) -> list[str]:
    """Return the options of the command line that say which configuration files are read."""
    paths = {
        source.provider: f"{source.schema}://{source.path}" for source in hydra_cfg.runtime.config_sources
    }
    options = {
        "--config-path": paths["main"].removeprefix("file://"),
        "--config-name": hydra_cfg.job.config_name,
        "--config-dir": paths.get("command-line", "").removeprefix("file://"),
    }
    usual = {"--config-path": CONF_DIR, "--config-name": "train", "--config-dir": ""}
    return [f"{name}={value}" for name, value in options.items() if value != usual[name]]


def _begin(cfg: DictConfig, sweep: Path, folder: Path) -> JobRecord:
    """Return this job of a sweep as it begins, or as it was if it is finished already."""
    hydra_cfg = HydraConfig.get()
    job = JobRecord(
        folder=os.path.relpath(folder, sweep),
        overrides=tuple(hydra_cfg.overrides.task),
        epochs=cfg.trainer.max_epochs,
    )
    try:
        if Path(cfg.paths.output_dir) != folder:
            raise ConfigError(
                "paths.output_dir is set by the sweep; choose run_name or hydra.sweep.dir instead"
            )
        return begin_job(sweep, job, cfg.ckpt_path)
    except DCGANError as error:
        if is_in_sweeps_process():
            refuse(error)  # the other jobs would be mixed up as well
        raise


def main() -> None:
    """Run the command line."""
    run_command(lambda: summarized(_command))


if __name__ == "__main__":
    main()
