"""This project's own training: ``train(cfg)`` with the usual configuration, callbacks and data."""

import contextlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import pytorch_lightning as pl
from bench_process import Figures, Setup, training_figures
from bench_torch import card_figures, start_clock, trainable
from bench_watch import IterationClock
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from pytorch_lightning.callbacks import Callback
from torch import nn

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.systems import DCGAN, System
from dcgan_lightning.train import RunResult, train
from dcgan_lightning.training import loop

IMAGES_AN_EPOCH = 60_000  # of Fashion-MNIST


def compose_run(folder: Path | str, *overrides: str) -> DictConfig:
    """Return the training's configuration, for the CPU if nothing else is said, with the run in a folder."""
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        cfg = compose("train", overrides=["trainer=cpu", *overrides])
    cfg.paths.output_dir = str(Path(folder, "run"))
    return cfg


def train_watched(cfg: DictConfig, *watchers: Callback) -> tuple[RunResult, pl.Trainer]:
    """Train as configured, with further callbacks after the usual ones; return Lightning's trainer too."""
    trainers: list[pl.Trainer] = []
    build_trainer = loop.build_trainer

    def build_watched(*arguments: Any, **options: Any) -> pl.Trainer:
        trainer = build_trainer(*arguments, **options)
        trainer.callbacks.extend(watchers)  # type: ignore[attr-defined]
        trainers.append(trainer)
        return trainer

    with mock.patch.object(loop, "build_trainer", build_watched):
        result = train(cfg)
    return result, trainers[0]


@contextlib.contextmanager
def _timed(owner: type, name: str, seconds: list[float]) -> Iterator[None]:
    """Note how long each call of a method takes."""
    method: Callable[..., Any] = getattr(owner, name)

    def timed(*arguments: Any, **options: Any) -> Any:
        started = time.perf_counter()
        result = method(*arguments, **options)
        seconds.append(time.perf_counter() - started)
        return result

    with mock.patch.object(owner, name, timed):
        yield


def shares(
    durations: Mapping[str, Sequence[float]], logging: float, seconds: Sequence[float], setup: Setup
) -> dict[str, float]:
    """Return what callbacks, data and logging take of the time.

    Args:
        durations: Lightning's SimpleProfiler's: seconds of all calls, for each action.
        logging: Seconds an iteration for passing the figures to the loggers.
        seconds: Of the timed iterations.
        setup: Says which calls are the warm-up's.

    Returns:
        Shares of the timed iterations, and the callbacks' share of a whole epoch: with its sample grids
        (iterations 1, 51, ... and the last), each as long as the first one, and with all that the callbacks
        do at the start and end of the epoch and the run.
    """

    def timed(name: str) -> float:
        return sum(durations[name][setup.warmup :][: len(seconds)])

    callbacks = {name for name in durations if name.startswith("[Callback]")}
    in_iterations = {name for name in callbacks if "on_train_batch_" in name}
    data = [name for name in durations if name.endswith("train_dataloader_next")]
    callback_seconds = sum(map(timed, in_iterations))

    iterations = -(-IMAGES_AN_EPOCH // setup.batch_size)
    grid = durations.get("[Callback]SampleGrid.on_train_batch_end", [0.0])[0]
    around = sum(sum(durations[name]) for name in callbacks - in_iterations)
    in_an_epoch = callback_seconds / len(seconds) * iterations + grid * (-(-iterations // 50) + 1) + around
    epoch = in_an_epoch + (statistics.median(seconds) - callback_seconds / len(seconds)) * iterations
    return {
        "callbacks": callback_seconds / sum(seconds),
        "data": sum(map(timed, data)) / sum(seconds),
        "logging": logging * len(seconds) / sum(seconds),
        "callbacks_of_an_epoch": in_an_epoch / epoch,
    }


def run(setup: Setup, fast_paths: str = "auto") -> Figures:
    """Train with all usual callbacks; a clock comes on top, and on a CPU Lightning's SimpleProfiler.

    Args:
        setup: What all contenders do alike.
        fast_paths: ``model.fast_paths``; "false" leaves PyTorch's own operations.
    """
    if setup.device != "cpu":
        return run_recipe(setup, f"model.fast_paths={fast_paths}", f"data.batch_size={setup.batch_size}")
    clock = start_clock(setup)
    overrides = [
        "trainer.max_epochs=1",
        f"trainer.limit_train_batches={setup.all_iterations}",
        "trainer.profiler=simple",
        f"model.generator_channels={setup.generator_channels}",
        f"model.discriminator_channels={setup.discriminator_channels}",
        f"model.fast_paths={fast_paths}",
        f"data.batch_size={setup.batch_size}",
        *_own_data(setup),
        *setup.overrides,
    ]
    logging: list[float] = []
    with tempfile.TemporaryDirectory() as folder, _timed(DCGAN, "on_train_batch_end", logging):
        result, trainer = train_watched(compose_run(folder, *overrides), IterationClock(clock))
    durations = trainer.profiler.recorded_durations  # type: ignore[attr-defined]
    seconds = clock.seconds()
    return training_figures(
        clock,
        trainable(result.system.generator, result.system.discriminator),
        "torch",
        "pytorch-lightning",
        "hydra-core",
        shares=shares(durations, sum(logging) / setup.all_iterations, seconds, setup),
    )


def by_role(system: System) -> tuple[nn.ModuleList, nn.ModuleList]:
    """Return a system's generators and its discriminators."""
    roles = nn.ModuleList(), nn.ModuleList()
    for name, network in system.named_children():
        roles[not name.startswith("generator")].append(network)
    return roles


def run_recipe(setup: Setup, *recipe: str) -> Figures:
    """Train a recipe with its own networks and callbacks; only a clock comes on top.

    Args:
        setup: What all contenders do alike.
        recipe: Overrides that choose the recipe.
    """
    clock = start_clock(setup)
    length = ("trainer.max_epochs=1", f"trainer.limit_train_batches={setup.all_iterations}")
    device = "trainer=cpu" if setup.device == "cpu" else "trainer=gpu"
    with tempfile.TemporaryDirectory() as folder:
        cfg = compose_run(
            folder, *recipe, device, *length, "report=false", *_own_data(setup), *setup.overrides
        )
        result, _ = train_watched(cfg, IterationClock(clock))
    counts = trainable(*by_role(result.system))
    packages = ("torch", "pytorch-lightning", "hydra-core")
    return training_figures(clock, counts, *packages, **card_figures(setup))


def _own_data(setup: Setup) -> list[str]:
    return [f"data.root={setup.root}", "data.verify=false"] if setup.root else []
