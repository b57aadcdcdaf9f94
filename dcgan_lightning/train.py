"""Train: ``python -m dcgan_lightning.train key=value ...`` (see ``--help``)."""

import logging
import shlex
import signal
import threading
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from dcgan_lightning.commands import refuse, run_command
from dcgan_lightning.config import CONF_DIR, build, check_fingerprint, fingerprint, validate
from dcgan_lightning.errors import ConfigError, DCGANError, RunFolderError
from dcgan_lightning.files import locked, remove_if_empty, remove_stale_temporaries, write_atomic

if TYPE_CHECKING:  # PyTorch takes seconds to import, and a refusal needs none of it
    import pytorch_lightning as pl

    from dcgan_lightning.systems import DCGAN

log = logging.getLogger("dcgan_lightning.train")  # __name__ is "__main__" when run as a command


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
    ckpt_path = find_checkpoint(cfg.ckpt_path, folder)
    check_folder(folder, ckpt_path)

    import torch

    started = time.monotonic()
    accelerator = choose_accelerator(cfg.trainer.accelerator)
    if cfg.threads is not None:
        torch.set_num_threads(cfg.threads)
    if ckpt_path is not None:
        check_resumable(cfg, ckpt_path)
    datamodule = build(cfg.data)
    datamodule.prepare_data()
    datamodule.setup()
    system = build(cfg.model)
    trainer = build_trainer(cfg, accelerator)

    with locked(folder):
        describe_run(cfg, folder, trainer, system, datamodule.source)
        fit(trainer, system, datamodule, ckpt_path)
    return RunResult(
        folder=folder,
        epochs=trainer.current_epoch,
        seconds=time.monotonic() - started,
        metrics={name: float(value) for name, value in trainer.callback_metrics.items()},
        system=system,
    )


def find_checkpoint(ckpt_path: str | None, folder: Path) -> Path | None:
    """Return the file to go on from: "last" is the furthest valid checkpoint of the run itself."""
    if ckpt_path is None:
        return None
    if ckpt_path != "last" and not Path(ckpt_path).is_dir():
        if "://" in ckpt_path:
            raise ConfigError(f"ckpt_path must be a local file, got {ckpt_path}; fetch it first")
        if not Path(ckpt_path).is_file():
            raise ConfigError(f"ckpt_path={ckpt_path} does not exist; give a file, a run's folder or last")
        return Path(ckpt_path).resolve()
    run = folder if ckpt_path == "last" else Path(ckpt_path)
    if not (run / "checkpoints").is_dir():
        raise ConfigError(
            f"ckpt_path={ckpt_path}: {run} holds no run to go on with; give its run_name, or leave "
            "ckpt_path out"
        )
    from dcgan_lightning.checkpoints import newest_checkpoint

    path, refusals = newest_checkpoint(run / "checkpoints")
    for refusal in refusals:
        log.warning("passed over: %s", refusal)
    return path.resolve()


def check_folder(folder: Path, ckpt_path: Path | None) -> None:
    """Refuse to write into a folder that holds another run than the one that goes on."""
    goes_on = ckpt_path is not None and ckpt_path.is_relative_to(folder.resolve())
    holds_run = folder.is_dir() and any(path.name != ".lock" for path in folder.iterdir())
    if holds_run and not goes_on:
        raise RunFolderError(
            f"{folder} already holds a run; choose another run_name, or go on with this one: ckpt_path=last"
        )


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


def check_resumable(cfg: DictConfig, ckpt_path: Path) -> None:
    """Refuse a checkpoint of other settings, or one that is further than the run shall go."""
    from dcgan_lightning.checkpoints import progress, read_checkpoint

    checkpoint = read_checkpoint(ckpt_path)
    check_fingerprint(checkpoint["fingerprint"], fingerprint(cfg), ckpt_path)
    epochs, iterations = progress(checkpoint)
    if epochs > cfg.trainer.max_epochs:
        raise ConfigError(
            f"trainer.max_epochs={cfg.trainer.max_epochs}, but {ckpt_path} already stands at epoch {epochs}; "
            f"max_epochs counts from the start of the run, so give more than {epochs}"
        )
    if epochs == cfg.trainer.max_epochs:
        log.info("%s has all %d epochs; a larger trainer.max_epochs trains on", ckpt_path, epochs)
    else:
        log.info("going on after epoch %d, iteration %d of %s", epochs, iterations, ckpt_path)


def build_trainer(cfg: DictConfig, accelerator: str) -> "pl.Trainer":
    """Return Lightning's trainer with the configured callbacks and loggers."""
    from pytorch_lightning.callbacks import Checkpoint

    from dcgan_lightning.callbacks import AtomicCheckpointIO

    # Lightning reports at length what the run's own summary says in a line, and uses a class that PyTorch
    # deprecates.
    level = logging.INFO if cfg.trainer.profiler else logging.WARNING
    logging.getLogger("pytorch_lightning").setLevel(level)
    warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
    callbacks, loggers = (
        [build(part) for part in (group or {}).values() if part and "_target_" in part]
        for group in (cfg.get("callbacks"), cfg.get("logger"))  # null or without a target: left out
    )
    trainer: pl.Trainer = build(
        cfg.trainer,
        accelerator=accelerator,
        callbacks=callbacks,
        logger=loggers,
        plugins=[AtomicCheckpointIO(fingerprint(cfg))],
        enable_checkpointing=any(isinstance(callback, Checkpoint) for callback in callbacks),
    )
    return trainer


def describe_run(cfg: DictConfig, folder: Path, trainer: "pl.Trainer", system: "DCGAN", source: str) -> None:
    """Keep settings and networks in the run's folder, and say what starts."""
    import torch

    from dcgan_lightning.networks.summary import summarize

    if not trainer.is_global_zero:
        return
    size = (1, system.hparams["image_channels"], 28, 28)
    networks = "\n\n".join(
        [
            summarize(system.generator, torch.zeros(1, system.generator.latent_dim)),
            summarize(system.discriminator, torch.zeros(size)),
        ]
    )
    write_atomic(folder / "config.yaml", OmegaConf.to_yaml(cfg, resolve=True).encode())
    write_atomic(folder / "networks.txt", f"{networks}\n".encode())
    for part in [folder, *folder.iterdir()]:
        if part.is_dir():
            remove_stale_temporaries(part)
    device = trainer.strategy.root_device
    name = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    )
    log.info("%s\n\ntraining on %s (%s), %s, into %s", networks, device.type, name, source, folder)


def fit(trainer: "pl.Trainer", system: "DCGAN", datamodule: Any, ckpt_path: Path | None) -> None:
    """Run Lightning's loop.

    SIGTERM and the first Ctrl-C end it after the current iteration, with everything saved; a second Ctrl-C
    ends it at once.

    Raises:
        SystemExit: Code 143 after SIGTERM, which Lightning would turn into 0.
        KeyboardInterrupt: After Ctrl-C, which Lightning would turn into code 1.
    """
    from pytorch_lightning.utilities.exceptions import SIGTERMException

    interrupted = False

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        nonlocal interrupted
        if interrupted or signal.getsignal(signal.SIGTERM) == signal.SIG_DFL:  # Lightning has not started
            signal.default_int_handler(number, frame)
        interrupted = True
        log.info("\nfinishing this iteration and saving; press Ctrl-C again to stop at once")
        signal.raise_signal(signal.SIGTERM)

    is_main_thread = threading.current_thread() is threading.main_thread()
    previous = signal.signal(signal.SIGINT, on_interrupt) if is_main_thread else None
    try:
        trainer.fit(system, datamodule=datamodule, ckpt_path=ckpt_path, weights_only=True)
    except SystemExit as stop:
        if interrupted or isinstance(stop.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt from None
        if isinstance(stop, SIGTERMException):
            raise SystemExit(143) from None
        raise
    finally:
        if is_main_thread:
            signal.signal(signal.SIGINT, previous)


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
    folder = Path(cfg.paths.output_dir)
    overrides = list(hydra_cfg.overrides.task)
    try:
        result = train(cfg)
    except DCGANError as error:
        remove_if_empty(folder)  # Hydra makes it before it asks us
        if hydra_cfg.mode == RunMode.RUN:
            refuse(error)
        raise  # in a sweep the other jobs go on
    except (KeyboardInterrupt, SystemExit):
        if (folder / "checkpoints").is_dir():
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
