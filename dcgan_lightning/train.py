"""Train: ``python -m dcgan_lightning.train key=value ...`` (see ``--help``)."""

import contextlib
import logging
import os
import shlex
import signal
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from dcgan_lightning.commands import note_job, refuse, run_command
from dcgan_lightning.config import (
    CONF_DIR,
    build,
    check_fingerprint,
    count_processes,
    fingerprint,
    plain,
    validate,
)
from dcgan_lightning.errors import ConfigError, DCGANError, DivergedError, ProcessError, RunFolderError
from dcgan_lightning.files import LOCK_FILE, locked, remove_if_empty, remove_stale_temporaries, write_atomic
from dcgan_lightning.processes import is_first_process

if TYPE_CHECKING:  # PyTorch takes seconds to import, and a refusal needs none of it
    import pytorch_lightning as pl

    from dcgan_lightning.callbacks import AtomicCheckpointIO, GracefulStop
    from dcgan_lightning.systems import DCGAN

log = logging.getLogger("dcgan_lightning.train")  # __name__ is "__main__" when run as a command

CONFIG_FILE = "config.yaml"


@dataclass(frozen=True)
class RunResult:
    """What a training leaves in memory.

    Attributes:
        folder: The run's folder.
        epochs: Finished epochs, over all sessions.
        seconds: Duration of this session.
        metrics: The last iteration's four figures; empty if nothing was left to train.
        system: The trained networks.
    """

    folder: Path
    epochs: int
    seconds: float
    metrics: dict[str, float]
    system: "DCGAN"


def train(cfg: DictConfig) -> RunResult:
    """Train as configured, or go on with a run.

    Args:
        cfg: The composed configuration; ``paths.output_dir`` is the run's folder.

    Raises:
        ConfigError: A setting is wrong, or does not fit the checkpoint.
        DataError: The images cannot be had.
        CheckpointError: The checkpoint to go on from is missing or damaged.
        RunFolderError: The folder holds another run, or cannot be written.
    """
    validate(cfg)
    folder = Path(cfg.paths.output_dir)
    # The other processes of a job follow the first one, which owns the folder for all of them.
    with locked(folder) if is_first_process() else contextlib.nullcontext():
        ckpt_path = find_checkpoint(cfg.ckpt_path, folder)
        if is_first_process():
            check_folder(folder, cfg.ckpt_path, ckpt_path)
        return _train(cfg, folder, ckpt_path)


def _train(cfg: DictConfig, folder: Path, ckpt_path: Path | None) -> RunResult:
    processes = check_processes(cfg)
    accelerator = choose_accelerator(cfg.trainer.accelerator)
    set_threads(cfg, processes, accelerator)
    from dcgan_lightning.callbacks import AtomicCheckpointIO, GracefulStop

    started = time.monotonic()
    checkpoint_io = AtomicCheckpointIO(fingerprint(cfg, processes), describe_environment(accelerator))
    system = build(cfg.model)
    is_finished = ckpt_path is not None and check_resumable(cfg, ckpt_path, checkpoint_io, system)
    datamodule = build(cfg.data)
    datamodule.prepare_data()
    datamodule.setup()
    stop = GracefulStop()
    trainer = build_trainer(cfg, accelerator, processes, stop, checkpoint_io, log_figures=not is_finished)
    if is_first_process():
        describe_run(cfg, folder, trainer, system, datamodule.source)
    fit(trainer, system, datamodule, ckpt_path, stop)
    return RunResult(
        folder=folder,
        epochs=trainer.current_epoch,
        seconds=time.monotonic() - started,
        metrics={name: float(value) for name, value in trainer.callback_metrics.items()},
        system=system,
    )


def find_checkpoint(ckpt_path: str | None, folder: Path) -> Path | None:
    """Return the file to go on from, or None to start at the beginning.

    Args:
        ckpt_path: A file; a run's folder, for the furthest valid checkpoint in it; "last", for that of the
            run itself, or its beginning if it was ended before its first checkpoint; "auto", the same, but
            if there is no such run it is started; None for a new run.
        folder: The run's own folder.

    Raises:
        ConfigError: There is nothing there to go on from.
        CheckpointError: There are checkpoints, and none is valid.
    """
    if ckpt_path is None:
        return None
    is_own = ckpt_path in ("last", "auto")
    if not is_own and not Path(ckpt_path).is_dir():
        if "://" in ckpt_path:
            raise ConfigError(f"ckpt_path must be a local file, got {ckpt_path}; fetch it first")
        if not Path(ckpt_path).is_file():
            raise ConfigError(
                f"ckpt_path={ckpt_path} does not exist; give a file, a run's folder, last or auto"
            )
        return Path(ckpt_path).resolve()
    run = folder if is_own else Path(ckpt_path)
    if not any((run / "checkpoints").glob("*.ckpt")):
        if ckpt_path == "auto" or (is_own and (run / CONFIG_FILE).is_file()):
            return None
        raise ConfigError(
            f"ckpt_path={ckpt_path}: {run} holds no run to go on with; give its run_name, or leave "
            "ckpt_path out"
        )
    from dcgan_lightning.checkpoints import newest_checkpoint

    path, refusals = newest_checkpoint(run / "checkpoints")
    for refusal in refusals:
        log.warning("passed over: %s", refusal)
    return path.resolve()


def check_folder(folder: Path, ckpt_path: str | None, found: Path | None) -> None:
    """Refuse to write into a folder that holds another run than the one that goes on.

    Args:
        folder: The run's folder.
        ckpt_path: What the user gave.
        found: The checkpoint that was found for it.
    """
    goes_on = ckpt_path in ("last", "auto") if found is None else found.is_relative_to(folder.resolve())
    holds_run = folder.is_dir() and any(path.name != LOCK_FILE for path in folder.iterdir())
    if holds_run and not goes_on:
        raise RunFolderError(
            f"{folder} already holds a run; choose another run_name, or go on with this one: ckpt_path=last"
        )


def check_processes(cfg: DictConfig) -> int:
    """Return how many processes train together.

    Raises:
        ConfigError: They are several, and the job is one of a sweep.
    """
    processes = count_processes(plain(cfg.trainer))
    if processes is None:
        import torch

        cards = 0 if cfg.trainer.accelerator == "cpu" else torch.cuda.device_count()
        processes = max(cards, 1) * int(cfg.trainer.get("num_nodes", 1))
    is_sweep = HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN
    if processes > 1 and is_sweep:
        raise ConfigError(
            f"trainer.devices={cfg.trainer.devices} in a sweep: the job's other processes would be started "
            "with the sweep's command line and would start the whole sweep again; run such jobs one by one"
        )
    return processes


def set_threads(cfg: DictConfig, processes: int, accelerator: str) -> None:
    """Set the number of CPU threads; where PyTorch decides, processes on one CPU share its cores."""
    import torch

    threads = cfg.threads
    if threads is None and processes > 1 and accelerator == "cpu" and "OMP_NUM_THREADS" not in os.environ:
        per_machine = processes // int(cfg.trainer.get("num_nodes", 1))
        threads = max(1, torch.get_num_threads() // per_machine)
    if threads is not None:
        torch.set_num_threads(threads)
        if processes > 1:  # else Lightning sets a number of its own when it starts them
            os.environ["OMP_NUM_THREADS"] = str(threads)


def choose_accelerator(accelerator: str) -> str:
    """Return "cuda" or "cpu": what was asked for, or with "auto" the better one that is there."""
    import torch

    if accelerator == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if accelerator == "auto":
        return "cpu"
    raise ConfigError(
        f"trainer.accelerator={accelerator}: PyTorch finds no CUDA device; use trainer=auto or trainer=cpu"
    )


def describe_environment(accelerator: str) -> dict[str, Any]:
    """Return what a run's bits depend on besides its settings."""
    import torch

    if accelerator == "cuda":
        return {"torch": str(torch.__version__), "device": torch.cuda.get_device_name()}
    return {"torch": str(torch.__version__), "device": "cpu", "threads": torch.get_num_threads()}


def check_resumable(cfg: DictConfig, ckpt_path: Path, current: "AtomicCheckpointIO", system: "DCGAN") -> bool:
    """Refuse a checkpoint of other settings, or one that is further than the run shall go.

    Args:
        cfg: The composed configuration.
        ckpt_path: The checkpoint.
        current: Holds the settings and the environment of this process.
        system: The networks that it shall fit.

    Returns:
        Whether the checkpoint has all epochs already.
    """
    from dcgan_lightning.checkpoints import check_fits, progress, read_checkpoint

    checkpoint = read_checkpoint(ckpt_path)
    check_fingerprint(checkpoint["fingerprint"], current.fingerprint, ckpt_path)
    check_fits(checkpoint, system, ckpt_path)
    saved = checkpoint.get("environment", {})
    changes = [
        f"{key}={saved[key]} (now {value})"
        for key, value in current.environment.items()
        if key in saved and saved[key] != value
    ]
    if changes:
        log.warning("the run goes on, but not to the same bit as without a break: %s", ", ".join(changes))
    epochs, iterations = progress(checkpoint)
    if epochs > cfg.trainer.max_epochs:
        raise ConfigError(
            f"trainer.max_epochs={cfg.trainer.max_epochs}, but {ckpt_path} already stands at epoch {epochs}; "
            f"max_epochs counts from the start of the run, so give more than {epochs}"
        )
    if epochs == cfg.trainer.max_epochs:
        log.info("%s has all %d epochs; a larger trainer.max_epochs trains on", ckpt_path, epochs)
        return True
    log.info("going on after epoch %d, iteration %d of %s", epochs, iterations, ckpt_path)
    return False


def build_trainer(
    cfg: DictConfig,
    accelerator: str,
    processes: int,
    stop: "GracefulStop",
    checkpoint_io: "AtomicCheckpointIO",
    log_figures: bool = True,
) -> "pl.Trainer":
    """Return Lightning's trainer with the configured callbacks and, if figures are logged, loggers."""
    from pytorch_lightning.callbacks import Checkpoint

    from dcgan_lightning.systems import ManualDDPStrategy

    quieten_lightning(show_profile=cfg.trainer.profiler is not None)
    callbacks, loggers = (
        [build(part) for part in (group or {}).values() if part and "_target_" in part]
        for group in (cfg.get("callbacks"), cfg.get("logger"))  # null or without a target: left out
    )
    trainer: pl.Trainer = build(
        cfg.trainer,
        accelerator=accelerator,
        strategy=ManualDDPStrategy() if processes > 1 else "auto",
        callbacks=[*callbacks, stop],
        logger=loggers if log_figures else [],
        plugins=[checkpoint_io],
        enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
    )
    return trainer


def quieten_lightning(show_profile: bool) -> None:
    """Leave out what the run's own summary says in a line, and a warning about Lightning's own code."""
    levels = {
        "pytorch_lightning": logging.INFO if show_profile else logging.WARNING,
        "lightning_fabric": logging.WARNING,
        # says why it ends this process, when another one of the job is gone
        "lightning_fabric.strategies.launchers.subprocess_script": logging.INFO,
    }
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)


def describe_run(cfg: DictConfig, folder: Path, trainer: "pl.Trainer", system: "DCGAN", source: str) -> None:
    """Keep settings and networks in the run's folder, and say what starts."""
    import torch

    from dcgan_lightning.networks.summary import summarize

    size = (1, system.hparams["image_channels"], 28, 28)
    networks = "\n\n".join(
        [
            summarize(system.generator, torch.zeros(1, system.generator.latent_dim)),
            summarize(system.discriminator, torch.zeros(size)),
        ]
    )
    write_atomic(folder / CONFIG_FILE, OmegaConf.to_yaml(cfg, resolve=True).encode())
    write_atomic(folder / "networks.txt", f"{networks}\n".encode())
    for part in [folder, *folder.iterdir()]:
        if part.is_dir():
            remove_stale_temporaries(part)
    device = trainer.strategy.root_device
    name = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    )
    team = ""
    if trainer.world_size > 1:
        team = (
            f" in {trainer.world_size} processes with {cfg.data.batch_size // trainer.world_size} of an "
            f"iteration's {cfg.data.batch_size} images each"
        )
    log.info("%s\n\ntraining on %s (%s)%s, %s, into %s", networks, device.type, name, team, source, folder)


def fit(
    trainer: "pl.Trainer",
    system: "DCGAN",
    datamodule: Any,
    ckpt_path: Path | None,
    stop: "GracefulStop",
) -> None:
    """Run Lightning's loop.

    Raises:
        SystemExit: Code 143 after SIGTERM, which Lightning would turn into 0.
        KeyboardInterrupt: After Ctrl-C, which Lightning would turn into code 1.
        DivergedError: Names the last good checkpoint too.
        ProcessError: Another process of the job is gone.
    """
    from pytorch_lightning.utilities.exceptions import SIGTERMException

    from dcgan_lightning.distributed import is_connection_error

    try:
        with stop.armed(trainer):
            trainer.fit(system, datamodule=datamodule, ckpt_path=ckpt_path, weights_only=True)
    except BaseException as error:
        _end_other_processes(trainer)
        if isinstance(error, SystemExit) and isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        if isinstance(error, SIGTERMException):
            if not is_first_process():
                raise SystemExit(0) from None  # only the first one's code counts; others alarm Lightning
            if stop.signal == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise SystemExit(128 + signal.SIGTERM) from None
        if isinstance(error, DivergedError):
            last = Path(trainer.default_root_dir) / "checkpoints" / "last.ckpt"
            state = f"the last good checkpoint is {last}" if last.exists() else "there is no checkpoint yet"
            raise DivergedError(f"{error}; {state}") from error
        if trainer.world_size > 1 and is_connection_error(error):
            raise ProcessError(
                f"process {trainer.global_rank} lost another process of this job, which must have ended; "
                "go on with ckpt_path=last"
            ) from error
        raise


def _end_other_processes(trainer: "pl.Trainer") -> None:
    """End what Lightning started for this job: without this process the others would wait for it."""
    for process in getattr(trainer.strategy.launcher, "procs", ()):
        if process.poll() is None:
            process.kill()


def continue_command(folder: Path, overrides: list[str], max_epochs: int) -> str:
    """Return the command that goes on with a run: its own settings, and what has to be different."""
    own = ("run_name=", "ckpt_path=", "trainer.max_epochs=", "sweep=")
    kept = [shlex.quote(override) for override in overrides if not override.startswith(own)]
    outputs = Path("outputs").resolve()
    where = (
        f"run_name={folder.relative_to(outputs)}"
        if folder.is_relative_to(outputs)
        else f"hydra.run.dir={folder}"
    )
    go_on = [*kept, shlex.quote(where), "ckpt_path=last", f"trainer.max_epochs={max_epochs}"]
    return " ".join(["python -m dcgan_lightning.train", *go_on])


@hydra.main(version_base="1.3", config_path=CONF_DIR, config_name="train")
def _command(cfg: DictConfig) -> None:
    hydra_cfg = HydraConfig.get()
    folder = Path(hydra_cfg.runtime.output_dir)
    overrides = list(hydra_cfg.overrides.task)
    is_sweep = hydra_cfg.mode == RunMode.MULTIRUN
    if not is_first_process():
        logging.getLogger("dcgan_lightning").setLevel(logging.ERROR)
    try:
        with note_job(hydra_cfg.job.num, overrides) if is_sweep else contextlib.nullcontext():
            result = train(cfg)
    except DCGANError as error:
        remove_if_empty(folder)  # Hydra makes it before it asks us
        if not is_sweep:
            refuse(error)
        raise  # the other jobs go on
    except (KeyboardInterrupt, SystemExit):
        if (folder / CONFIG_FILE).is_file():
            log.info("\ngo on with: %s", continue_command(folder, overrides, cfg.trainer.max_epochs))
        raise

    from dcgan_lightning.callbacks.progress import format_duration

    log.info("\n%d epochs are done (%s in this session)", result.epochs, format_duration(result.seconds))
    log.info("everything is in %s", folder)
    log.info("train on with: %s", continue_command(folder, overrides, cfg.trainer.max_epochs + 10))


def main() -> None:
    """Run the command line."""
    run_command(_command)


if __name__ == "__main__":
    main()
