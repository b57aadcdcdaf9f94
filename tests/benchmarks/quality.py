"""Minutes to good pictures: this project's recipes, Keras and two well-known examples.

    python tests/benchmarks/quality.py FOLDER [--minutes 8] [--seeds 0] [--only NAME,NAME] [--root DATA]

Each contender trains on one core of the CPU, in its own process, for the same seconds of computing, which
other processes do not lengthen. At times that double, and at the end, 10,000 images are kept in FOLDER; what
is there is not made again. Prints their Fréchet distances to the test images over the minutes, and when each
contender reached certain distances; draws FOLDER/quality.png.
"""

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bench_process import AS_MAKE, HERE, ROOT, Setup
from bench_record import KERAS_PYTHON
from bench_statistics import markdown_table
from torch import Tensor

FIRST_MINUTES = 0.25  # of computing until the first images are kept; then twice as many, and so on
COUNT = 10_000
LEVELS = (100, 50, 20, 10, 5)
OURS = {
    "first_look": ("experiment=first_look", "callbacks=averaged_generator"),
    "notebook": ("trainer.max_epochs=1000", "callbacks=none"),
}
PEERS = {"torch_tutorial": ("train_tutorial", 128), "lightning_example": ("train_lightning", 64)}
TITLES = {
    "first_look": "this project, experiment=first_look",
    "notebook": "this project, the notebook's recipe",
    "keras": "Keras, the notebook's code",
    "torch_tutorial": "PyTorch's DCGAN tutorial",
    "lightning_example": "Lightning's GAN example",
}
Curve = list[tuple[float, float]]  # minutes and distances


class EnoughTrained(Exception):
    """Ends a training of this project."""


class Watch:
    """Keeps images of a training at times that double; the time that this takes is left out.

    Args:
        minutes: Of computing, after which the training is to end.
        now: Tells the seconds of computing.
    """

    def __init__(self, minutes: float, now: Callable[[], float] = time.process_time) -> None:
        self.kept: list[tuple[float, Tensor]] = []
        self._minutes = minutes
        self._now = now
        self._started = now()
        self._next = FIRST_MINUTES

    def __call__(self, sample: Callable[[], Tensor]) -> bool:
        """Look at the clock after an iteration; return whether the training goes on.

        Args:
            sample: Makes images.
        """
        minutes = (self._now() - self._started) / 60
        if minutes >= min(self._next, self._minutes):
            self.keep(sample)
            self._next *= 2
        return minutes < self._minutes

    def keep(self, sample: Callable[[], Tensor]) -> None:
        """Keep images, those of the training's end too."""
        begun = self._now()
        self.kept.append(((begun - self._started) / 60, sample()))
        self._started += self._now() - begun


def train_ours(recipe: Sequence[str], seed: int, minutes: float) -> Watch:
    """Train a recipe of this project, to its end if that comes sooner, and keep its images."""
    import pytorch_lightning as pl
    from bench_ours import compose_run, train_watched

    from dcgan_lightning.callbacks.averaged_generator import find_average
    from dcgan_lightning.networks.sampling import sample_images

    watch = Watch(minutes)

    class Sampling(pl.Callback):
        def sample(self, trainer: pl.Trainer, system: Any) -> Tensor:
            average = find_average(trainer)
            return sample_images(average.networks["generator"] if average else system.generator, COUNT)

        def on_train_batch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule, *_: Any) -> None:
            if not watch(lambda: self.sample(trainer, pl_module)):
                raise EnoughTrained

        def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
            watch.keep(lambda: self.sample(trainer, pl_module))

    with tempfile.TemporaryDirectory() as folder:
        settings = (*recipe, "logger=none", "report=false", "threads=1", f"seed={seed}")
        with contextlib.suppress(EnoughTrained):
            train_watched(compose_run(folder, *settings), Sampling())
    return watch


def train_here(name: str, seed: int, minutes: float, folder: Path, root: str) -> None:
    """Train a contender in this process and keep its images in the folder.

    Args:
        name: One of `OURS` or `PEERS`.
        seed: Of everything random.
        minutes: Of computing.
        folder: Where to.
        root: Folder with the images in torchvision's layout.
    """
    if name in OURS:
        watch = train_ours(OURS[name], seed, minutes)
    else:
        import bench_peers

        function, batch_size = PEERS[name]
        watch = Watch(minutes)
        with tempfile.TemporaryDirectory() as scratch:
            setup = Setup(batch_size=batch_size, root=root)
            getattr(bench_peers, function)(setup, Path(scratch), seed, watch)
    times, images = zip(*watch.kept, strict=True)
    np.savez_compressed(folder / f"{name}_seed_{seed}.npz", minutes=times, images=torch.stack(images).numpy())


def make(name: str, seed: int, minutes: float, folder: Path, root: str) -> None:
    """Train a contender in a process of its own, if its images are not there."""
    script, python = "quality.py", sys.executable
    arguments = [str(folder), "--job", json.dumps([name, seed, minutes, root])]
    if name == "keras":
        script, python = "keras_samples.py", str(KERAS_PYTHON)
        arguments = [str(folder), str(seed), json.dumps({"root": root, "threads": 1})]
    if _files(folder, name, seed):
        return
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    own = {"PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    environment = os.environ | AS_MAKE | own
    subprocess.run([python, str(HERE / script), *arguments], env=environment, check=True, stdout=sys.stderr)


def _files(folder: Path, name: str, seed: int) -> list[Path]:
    return sorted(folder.glob(f"{name}_seed_{seed}[._]*npz"))


def curve(folder: Path, name: str, seed: int, score: Callable[[Tensor], float]) -> Curve:
    """Return the distances of a contender's images over its minutes of computing."""
    points: Curve = []
    for path in _files(folder, name, seed):
        kept = np.load(path)
        if name == "keras":
            points.append((float(kept["seconds"]) / 60, score(torch.from_numpy(kept["images"]))))
            continue
        for minutes, images in zip(kept["minutes"].tolist(), kept["images"], strict=True):
            points.append((minutes, score(torch.from_numpy(images))))
    return sorted(points)


def reached(points: Curve, level: float) -> float | None:
    """Return the minutes until a distance was first seen to be at most so large, or None."""
    return next((minutes for minutes, distance in points if distance <= level), None)


def table(curves: dict[str, list[Curve]]) -> str:
    """Return a row for each contender: when it reached each level, median over the seeds, and its best."""
    rows = []
    for name, runs in curves.items():
        row = [TITLES[name]]
        for level in LEVELS:
            times = [time for points in runs if (time := reached(points, level)) is not None]
            row.append(f"{np.median(times):.2g} min" if len(times) == len(runs) else "not reached")
        best = [min(distance for _, distance in points) for points in runs]
        longest = max(points[-1][0] for points in runs)
        rows.append([*row, f"{np.median(best):.1f} in {longest:.2g} min"])
    return markdown_table(["", *(f"distance {level}" for level in LEVELS), "best"], rows)


def main() -> None:
    """Train what is missing, score, print and draw."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=8, help="of computing, for each contender and seed")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--only", default=",".join(TITLES))
    parser.add_argument("--root", help="folder with the images in torchvision's layout; found if not given")
    parser.add_argument("--job", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        name, seed, minutes, root = json.loads(arguments.job)
        train_here(name, seed, minutes, arguments.folder, root)
        return
    from bench import environment

    from dcgan_lightning.evaluate import real_images
    from dcgan_lightning.evaluation import score_images
    from dcgan_lightning.pictures import draw_quality

    arguments.folder.mkdir(parents=True, exist_ok=True)
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    names = arguments.only.split(",")
    root = arguments.root or environment()[0]
    for seed in seeds:
        for name in names:
            make(name, seed, arguments.minutes, arguments.folder, root)
    real = real_images()

    def score(images: Tensor) -> float:
        return float(score_images(images, real, metrics=("frechet",))["frechet_distance"])

    curves = {name: [curve(arguments.folder, name, seed, score) for seed in seeds] for name in names}
    shown = []
    for name, runs in curves.items():
        histories = [dict(zip(("score_minutes", "score"), np.transpose(run), strict=True)) for run in runs]
        shown.append((TITLES[name], histories))
    (arguments.folder / "quality.png").write_bytes(draw_quality(shown))
    print(table(curves))


if __name__ == "__main__":
    main()
