"""Files and messages at the start of a run: settings, networks, iterations."""

import copy
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf

from dcgan_lightning.config.data import iterations_of_epoch, shared_count
from dcgan_lightning.config.hydra_files import accept
from dcgan_lightning.core.devices import describe_threads
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.shell import literal
from dcgan_lightning.core.temporaries import remove_leftovers
from dcgan_lightning.runs.jobs import CONFIG_FILE
from dcgan_lightning.runs.system_file import SYSTEM_FILE, SystemFacts, encode_system
from dcgan_lightning.training.closing import NO_CHECKPOINTS, describe_given
from dcgan_lightning.training.resume import keeps_checkpoints

if TYPE_CHECKING:
    import pytorch_lightning as pl

    from dcgan_lightning.systems import System

log = logging.getLogger(__name__)


def write_description(cfg: DictConfig, folder: Path, system: "System") -> str:
    """Write settings, networks and system into the run's folder; return the tables of the layers."""
    from dcgan_lightning.networks.summary import summarize

    networks = "\n\n".join(
        summarize(name, getattr(system, name), *example) for name, example in system.examples().items()
    )
    accept()
    settings = f"{describe_given()}{OmegaConf.to_yaml(_from_anywhere(cfg), resolve=True)}"
    write_atomic(folder / CONFIG_FILE, settings.encode())
    write_atomic(folder / "networks.txt", f"{networks}\n".encode())
    write_atomic(folder / SYSTEM_FILE, encode_system(facts_of(system)))
    for part in [folder, *folder.iterdir()]:
        if part.is_dir() and not part.is_symlink():
            remove_leftovers(part)
    return networks


def _from_anywhere(cfg: DictConfig) -> DictConfig:
    """Return a copy of the configuration with absolute paths of the images, for commands in other folders."""
    cfg = copy.deepcopy(cfg)
    for key in ("root", "cache_dir"):
        if cfg.data.get(key):
            cfg.data[key] = literal(os.path.abspath(os.path.expanduser(cfg.data[key])))
    return cfg


def facts_of(system: "System") -> SystemFacts:
    """Return the facts about a system that pages depend on."""
    from dcgan_lightning.systems import Sampler

    is_sampler, is_translator = isinstance(system, Sampler), len(system.panels) > 1
    inputs = "noise" if is_sampler else "images" if is_translator else None
    return SystemFacts(type(system).__name__, inputs, system.panels)


def describe_opening(
    cfg: DictConfig, folder: Path, trainer: "pl.Trainer", networks: str, datamodule: Any
) -> None:
    """Log what starts: networks, device, data, iterations, and whether no checkpoints are kept."""
    import torch

    device = trainer.strategy.root_device
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else describe_threads(cfg.threads)
    team = f" in {trainer.world_size} processes" if trainer.world_size > 1 else ""
    if not _is_later_job():
        log.info("%s\n", networks)
    log.info("training on %s (%s)%s, %s, into %s", device.type, name, team, datamodule.source, folder)
    log.info("%s", describe_iteration(cfg, len(datamodule.images), trainer.world_size))
    if not keeps_checkpoints(cfg.callbacks):
        log.warning(NO_CHECKPOINTS)


def _is_later_job() -> bool:
    """Return whether this is a job of a sweep whose first job has shown the networks."""
    if not HydraConfig.initialized() or HydraConfig.get().mode != RunMode.MULTIRUN:
        return False
    return int(HydraConfig.get().job.num) > 0


def describe_iteration(cfg: DictConfig, count: int, processes: int) -> str:
    """Return what an iteration and an epoch are, over all processes, in one line.

    Args:
        cfg: The composed configuration.
        count: Number of training images.
        processes: How many train together.
    """
    batch_size, limit = cfg.data.batch_size, cfg.trainer.limit_train_batches
    iterations = iterations_of_epoch(count, batch_size, limit, processes)
    share = f", {batch_size // processes} in each of {processes} processes" if processes > 1 else ""
    shared = shared_count(count, processes)
    excess = count - shared
    joins = iterations * batch_size + 1 == shared
    last = f", the last one of {batch_size + 1} images" if joins else ""
    left_out = f" (without {excess} of {count:,} images, others each time)" if excess else ""
    rates = {name.removesuffix("_lr"): rate for name, rate in cfg.model.items() if name.endswith("_lr")}
    named = ", ".join(f"{name} {rate:g}" for name, rate in rates.items())
    learning = f"; learning rates: {named}" if rates else ""
    epoch = f"{iterations} iteration{'s' * (iterations != 1)}{last}{left_out}"
    return f"iteration: {batch_size} images{share}; epoch: {epoch}{learning}"
