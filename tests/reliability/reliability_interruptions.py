"""Training in this process, stopped at a chosen place: quick enough to try every place there is."""

import contextlib
import copy
import functools
import importlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from reliability_contenders import FAULTS, OURS, Outcome, difference

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.train import train

EPOCHS, ITERATIONS = 3, 6
COMMON = ("callbacks.progress=null", "logger=none", f"trainer.max_epochs={EPOCHS}")
SYNTHETIC = (*OURS.synthetic, f"data.count={32 * ITERATIONS}")
REAL = OURS.small(Path())


@dataclass(frozen=True)
class Place:
    """Where and how a training is stopped (see ``faults/faults_plugin.py``)."""

    action: str
    point: str
    at: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.action} at {self.point} of epoch {self.at[0]}, batch {self.at[1]}"


def all_places() -> list[Place]:
    """Return every place of the small run where a training can be stopped, 76 in all."""
    iterations = [(epoch, batch) for epoch in range(EPOCHS) for batch in range(ITERATIONS)]
    return [
        *(
            Place("raise", point, at)
            for at in iterations
            for point in ("batch_start", "between", "batch_end")
        ),
        *(Place("sigterm", "between", at) for at in iterations),
        *(Place("raise", "epoch_end", (epoch, 0)) for epoch in range(EPOCHS)),
        Place("raise", "train_end", (EPOCHS, 0)),
    ]


def some_places() -> list[Place]:
    """Return the places in the first, a middle and the last iteration, and two ends."""
    iterations = {(0, 0), (1, 3), (EPOCHS - 1, ITERATIONS - 1)}
    within = [place for place in all_places() if place.at in iterations and place.point != "epoch_end"]
    return [*within, Place("raise", "epoch_end", (1, 0)), Place("raise", "train_end", (EPOCHS, 0))]


@contextlib.contextmanager
def faults(wanted: dict[str, Any]) -> Iterator[None]:
    """Let Lightning find the faults while the block runs."""
    sys.path.insert(0, str(FAULTS))
    importlib.invalidate_caches()
    os.environ["RELIABILITY_FAULTS"] = json.dumps(wanted)
    try:
        yield
    finally:
        del os.environ["RELIABILITY_FAULTS"]
        sys.path.remove(str(FAULTS))


@functools.cache
def composed(overrides: tuple[str, ...]) -> DictConfig:
    """Return the configuration; composing it takes as long as a few epochs here."""
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        return compose("train", overrides=list(overrides))


def train_in(folder: Path, *overrides: str) -> None:
    """Train in this process, with the run where the command line would put it."""
    cfg = copy.deepcopy(composed(overrides))
    cfg.paths.output_dir = str(OURS.run_folder(folder))
    train(cfg)


def stop_and_go_on(
    outcome: Outcome, folder: Path, place: Place, overrides: tuple[str, ...], expected: dict[str, str]
) -> None:
    """Stop a training, go on with it, and compare it with the one that was not stopped."""
    stopped_by = ""
    with faults(asdict(place)):
        try:
            train_in(folder, *overrides)
        except BaseException as error:  # SystemExit after SIGTERM
            stopped_by = type(error).__name__
    wanted = {"raise": "Interruption", "sigterm": "SystemExit"}[place.action]
    outcome.check(stopped_by == wanted, f"{place}: stopped by {stopped_by or 'nothing'}")
    # A start that fails leaves the name free; one command starts or continues.
    train_in(folder, *overrides, "ckpt_path=auto")
    found = difference(expected, OURS.digest(folder))
    outcome.check(not found, f"{place}: not the unbroken run: {found}")
    outcome.count("kill_points")
    outcome.count("bitwise_equal", not found)
    outcome.count("faults_injected")
    outcome.count("faults_survived", not found)


def interruptions(
    folder: Path, overrides: tuple[str, ...], places: Sequence[Place], long: bool = False
) -> Outcome:
    """Stop a training at many places.

    Half of the work is done with a checkpoint after each epoch, half with one every two iterations.

    Args:
        folder: The working folder.
        overrides: Of a run of three epochs with six iterations each.
        places: Where to stop.
        long: Try each place in both ways.
    """
    outcome = Outcome()
    data = (*overrides, *COMMON)
    train_in(folder / "unbroken", *data)
    expected = OURS.digest(folder / "unbroken")
    for number, place in enumerate(places):
        every = ("null", "2") if long else (("null", "2")[number % 2],)
        for iterations in every:
            options = (*data, f"callbacks.checkpoint.every_n_iterations={iterations}")
            stop_and_go_on(outcome, folder / "stopped", place, options, expected)
            shutil.rmtree(folder / "stopped")
    return outcome
