"""A folder of pictures of all kinds: prepared, trained on, killed, resumed, and used by all commands."""

import random
import shutil
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from picture_folder import DEFECTS, make_folder
from reliability_contenders import OURS, Contender, Outcome, files_below
from reliability_faults import Killing, attempt, kill_often
from reliability_processes import ColdProcess, Process, WarmProcess, environment
from reliability_recipes import small_recipe

from dcgan_lightning.config.data import CLASS_NAMES

GARMENTS = ("bag", "sneaker", "trouser")
CLASSES = 6  # with the three kinds of generated pictures
BATCHES = "data.batch_size=16"


def garments() -> dict[str, NDArray[np.uint8]]:
    """Return images of three classes of Fashion-MNIST, each (N, 28, 28)."""
    from dcgan_lightning.data import FashionMNISTDataModule

    images, labels = FashionMNISTDataModule().load_split("test")
    return {name: images[labels == CLASS_NAMES.index(name), 0].numpy() for name in GARMENTS}


def start(folder: Path, warm: bool, command: str, *overrides: str) -> Process:
    """Start a command of the package in a folder."""
    argv = ["-m", f"dcgan_lightning.{command}", *overrides]
    if warm:
        return WarmProcess(argv, folder, environment())
    return ColdProcess([sys.executable, *argv], cwd=folder, env=environment())


def prepare_killed(folder: Path, data: tuple[str, ...], warm: bool, kills: int, seed: int) -> Outcome:
    """Kill the preparation at random moments, let it end, and compare the cache with an undisturbed one."""
    outcome, moments = Outcome(), random.Random(seed)
    undisturbed = start(folder, warm, "data", *data, BATCHES, "data.cache_dir=undisturbed").finish()
    outcome.check(undisturbed.returncode == 0, f"preparing ended with {undisturbed.returncode}")
    said = f"skipped {len(DEFECTS)} of "
    outcome.check(said in undisturbed.output + undisturbed.errors, "the defects are not counted")
    expected = files_below(folder / "undisturbed")
    with attempt(outcome, "preparing", faults=kills) as checks:
        for _ in range(kills):
            process = start(folder, warm, "data", *data, BATCHES, "data.cache_dir=cache")
            time.sleep(moments.uniform(0, 0.9 * undisturbed.seconds))
            process.kill()
            process.finish()
            if moments.random() < 0.5:
                shutil.rmtree(folder / "cache", ignore_errors=True)  # so that there is something to interrupt
        ended = start(folder, warm, "data", *data, BATCHES, "data.cache_dir=cache").finish()
        checks.check(ended.returncode == 0, f"preparing after kills ended with {ended.returncode}")
        checks.check(files_below(folder / "cache") == expected, "the cache is not the undisturbed one")
    return outcome


def use(folder: Path, data: tuple[str, ...], warm: bool) -> Outcome:
    """Generate, evaluate, export and report with the run of a folder."""
    outcome = Outcome()
    run = "outputs/run"
    commands = {
        "generate": (f"ckpt_path={run}", "n=6", "output_dir=made"),
        "evaluate": (f"ckpt_path={run}", *data, "count=129", "seeds=[0]"),
        "export": (f"ckpt_path={run}", "format=safetensors", "output_dir=exported"),
        "report": (f"run={run}",),
    }
    for command, overrides in commands.items():
        ended = start(folder, warm, command, *overrides).finish()
        outcome.check(
            ended.returncode == 0, f"{command} ended with {ended.returncode}: {ended.errors[-200:]}"
        )
    scores, page = f"{run}/scores/last.json", f"{run}/report.html"
    for path in ("made/grid.png", scores, "exported/README.md", page):
        outcome.check((folder / path).is_file(), f"{path} is missing")
    return outcome


def run_pictures(contender: Contender, folder: Path, long: bool) -> Outcome:
    """2,000 pictures of six formats, prepared, trained on at 32 and 64 pixels, killed, resumed and used"""
    outcome = Outcome()
    root = make_folder(folder / "pictures", 2000 if long else 110, garments=garments() if long else {})
    for size in (32, 64) if long else (32,):
        data = ("data=image_folder", f"data.root={root}", f"data.size={size}", "data.holdout=0.1")
        place = folder / f"{size}"
        place.mkdir()
        outcome.add(prepare_killed(place, data, not long, 6 if long else 1, size), f"{size} pixels")
        data = (*data, f"data.cache_dir={place / 'cache'}")
        settings = (*small_recipe("first_look"), *data, f"model.classes={CLASSES if long else 3}")
        (place / "killed").mkdir()
        killed = Outcome()
        kill_often(killed, OURS.warmed(not long), place / "killed", Killing(settings), 6 if long else 1)
        outcome.add(killed, f"{size} pixels")
        outcome.add(use(place / "killed" / "0", data, not long), f"{size} pixels")
    return outcome
