"""The steps of a training session: machine, checkpoint to start from, system, data, trainer, loop.

PyTorch and Lightning take seconds to import. Each step imports what it needs, so that an earlier step can
refuse without them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from dcgan_lightning.config.build import build, plain
from dcgan_lightning.config.data import iterations_of_epoch
from dcgan_lightning.config.parts import monitor_problem
from dcgan_lightning.config.validate import check_sizes
from dcgan_lightning.core.devices import (
    card_of_job,
    check_bfloat16,
    check_cards,
    check_processes,
    choose_accelerator,
    set_tf32,
    set_threads,
    threads_of_job,
)
from dcgan_lightning.core.errors import CheckpointError, ConfigError
from dcgan_lightning.core.memory import keep_freed_memory
from dcgan_lightning.core.processes import end_with_parent, is_first_process
from dcgan_lightning.training.closing import how_to_resume
from dcgan_lightning.training.fingerprint import check_fingerprint, check_same_images, default_settings
from dcgan_lightning.training.opening import describe_opening, write_description
from dcgan_lightning.training.resume import check_resumable, take_over
from dcgan_lightning.training.start import starting

if TYPE_CHECKING:
    import pytorch_lightning as pl

    from dcgan_lightning.callbacks import GracefulStop
    from dcgan_lightning.systems import System
    from dcgan_lightning.training.checkpoint_io import AtomicCheckpointIO
    from dcgan_lightning.training.initial import InitialWeights


@dataclass(frozen=True)
class Machine:
    """What a session trains on.

    Attributes:
        accelerator: "cuda" or "cpu".
        processes: How many train together.
        card: The only CUDA card to use; None: as configured.
        is_sweep: Whether the run is one job of several.
    """

    accelerator: str
    processes: int
    card: int | None
    is_sweep: bool


@dataclass(frozen=True)
class Start:
    """Where a session starts: at the run's beginning, or after a checkpoint.

    Attributes:
        path: The checkpoint's file, if there is one.
        checkpoint: Its content.
        iterations: The run's iterations so far, over all epochs.
        is_finished: Whether the checkpoint has all epochs already.
        initial: Trained weights that the run began with; None: random ones, or they are in the checkpoint.
    """

    path: Path | None = None
    checkpoint: dict[str, Any] = field(default_factory=dict, repr=False)
    iterations: int = 0
    is_finished: bool = False
    initial: "InitialWeights | None" = None


def prepare_machine(cfg: DictConfig) -> Machine:
    """Choose the devices and set up PyTorch for them.

    Raises:
        ConfigError: The devices are unavailable, or a job of a sweep needs several processes.
        ProcessError: The port where the processes are to meet is taken.
    """
    if not is_first_process():
        end_with_parent()
    is_sweep = HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN
    processes = check_processes(plain(cfg.trainer), is_sweep)
    accelerator = choose_accelerator(cfg.trainer.accelerator)
    check_cards(plain(cfg.trainer), accelerator)
    if cfg.model.get("fast_paths") == "bfloat16":
        check_bfloat16(accelerator)
    card = card_of_job(plain(cfg.trainer), accelerator, int(HydraConfig.get().job.num)) if is_sweep else None
    threads = cfg.threads or (threads_of_job(HydraConfig.get().launcher) if is_sweep else None)
    set_threads(threads, accelerator, processes // int(cfg.trainer.get("num_nodes", 1)))
    set_tf32(cfg.tf32)
    keep_freed_memory()
    return Machine(accelerator, processes, card, is_sweep)


def read_start(
    cfg: DictConfig, path: Path | None, settings: dict[str, Any], environment: Mapping[str, Any]
) -> Start:
    """Read the checkpoint or the trained weights to start from, if there are any.

    Args:
        cfg: The composed configuration.
        path: The checkpoint's file.
        settings: The run's fingerprint; the initial weights are added.
        environment: What its bits depend on besides.

    Raises:
        CheckpointError: It is damaged.
        ConfigError: It has other settings, more epochs than requested, or began with other weights.
    """
    from dcgan_lightning.runs.checkpoints import iterations_so_far, read_checkpoint
    from dcgan_lightning.training.initial import find_initial, kept_source

    initial = find_initial(cfg.init_from, Path(cfg.paths.output_dir), path is not None)
    if initial is not None:
        settings["init_from"] = initial.digest
        cfg.init_from = initial.source  # for config.yaml
    if path is None:
        return Start(initial=initial)
    checkpoint = read_checkpoint(path)
    if initial is None and (began_with := checkpoint["fingerprint"].get("init_from")):
        settings["init_from"] = began_with
        cfg.init_from = kept_source(Path(cfg.paths.output_dir))
    defaults = default_settings(cfg)
    check_fingerprint(checkpoint["fingerprint"], settings, path, defaults, how_to_resume(path))
    is_finished = check_resumable(checkpoint, path, environment, cfg.trainer.max_epochs)
    return Start(path, checkpoint, iterations_so_far(checkpoint), is_finished)


def build_system(cfg: DictConfig, start: Start) -> "System":
    """Build the networks, their losses and optimizers.

    Raises:
        CheckpointError: The checkpoint is of other networks or optimizers.
        ConfigError: A callback watches a figure that the system does not measure, or the initial weights do
            not fit.
    """
    from dcgan_lightning.runs.compatibility import check_fits, check_optimizers

    system = build(cfg.model)
    if problem := monitor_problem(plain(cfg), [figure.name for figure in system.figures]):
        raise ConfigError(problem)
    if start.path is not None:
        optimizers = system.configure_optimizers()
        check_fits(start.checkpoint, system, optimizers, start.path)
        check_optimizers(start.checkpoint, optimizers, start.path)
        if fault := system.find_fault(start.checkpoint["state_dict"]):
            raise CheckpointError(f"checkpoint {start.path} is damaged: state_dict.{fault}; use another one")
    elif start.initial is not None:
        start.initial.load_into(system)
    return system


def load_data(cfg: DictConfig, processes: int, system: "System", start: Start) -> Any:
    """Build the data module and load its training images.

    Raises:
        DataError: The images are unavailable.
        ConfigError: There are too few of them, the system cannot use their shape or labels, or they are not
            those that the checkpoint was trained on.
        CheckpointError: The checkpoint's position is not one in epochs of these images.
    """
    from dcgan_lightning.runs.compatibility import check_position

    datamodule = build(cfg.data)
    datamodule.prepare_data()
    datamodule.setup()
    count = len(datamodule.images)
    check_sizes(plain(cfg), count, processes)
    system.check_images(datamodule.images)
    system.check_data(datamodule.labels)
    if start.path is not None:
        check_same_images(
            start.checkpoint["fingerprint"], datamodule.fingerprint, start.path, datamodule.source
        )
        check_position(start.checkpoint, _iterations_of_epoch(cfg, datamodule, processes), start.path)
    return datamodule


def _iterations_of_epoch(cfg: DictConfig, datamodule: Any, processes: int) -> int:
    count, limit = len(datamodule.images), cfg.trainer.limit_train_batches
    return iterations_of_epoch(count, cfg.data.batch_size, limit, processes)


def prepare_trainer(
    cfg: DictConfig,
    machine: Machine,
    system: "System",
    start: Start,
    stop: "GracefulStop",
    checkpoint_io: "AtomicCheckpointIO",
) -> "pl.Trainer":
    """Build Lightning's trainer with callbacks and loggers.

    Raises:
        CheckpointError: The checkpoint has a state that one of the callbacks cannot take.
        ConfigError: A callback or logger does not take its settings.
    """
    from dcgan_lightning.runs.compatibility import check_callbacks
    from dcgan_lightning.training.loop import build_trainer

    trainer = build_trainer(
        cfg,
        machine.accelerator,
        machine.processes,
        stop,
        checkpoint_io,
        log_figures=not start.is_finished,
        is_sweep=machine.is_sweep,
        card=machine.card,
        iteration=start.iterations,
    )
    if start.path is not None:
        callbacks = trainer.callbacks  # type: ignore[attr-defined]
        check_callbacks(start.checkpoint, callbacks, system, start.path)
    return trainer


def run_loop(
    cfg: DictConfig,
    trainer: "pl.Trainer",
    system: "System",
    datamodule: Any,
    start: Start,
    stop: "GracefulStop",
) -> None:
    """Describe the run in its folder, then train; a start that fails leaves nothing in the folder.

    Raises:
        As `loop.fit` and `start.starting`.
    """
    from dcgan_lightning.callbacks.logs import continue_tables
    from dcgan_lightning.training.failing import failing_together
    from dcgan_lightning.training.initial import keep_initial
    from dcgan_lightning.training.loop import fit

    folder = Path(cfg.paths.output_dir)
    done = trainer.fit_loop.epoch_loop.batch_progress.total
    # With a longer interval than an epoch the loggers would get nothing in it, of which Lightning warns.
    per_epoch = _iterations_of_epoch(cfg, datamodule, trainer.world_size)
    trainer.log_every_n_steps = min(trainer.log_every_n_steps, per_epoch)  # type: ignore[attr-defined]
    with failing_together(), starting(plain(cfg), folder, lambda: done.completed > start.iterations):
        if is_first_process():
            if start.path is not None and trainer.checkpoint_callbacks:
                take_over(start.path, folder)
            if start.path is None:
                keep_initial(start.initial, folder)
            continue_tables(trainer.loggers, folder, start.iterations)
            networks = write_description(cfg, folder, system)
            describe_opening(cfg, folder, trainer, networks, datamodule)
        fit(trainer, system, datamodule, start.path, stop)
