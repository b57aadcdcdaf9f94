"""The port against the notebook's own Keras code, by the scores of their images after some epochs.

    python tests/benchmarks/port_scores.py FOLDER [--seeds 0,1,2] [--root DATA]

Both train the notebook's recipe with each seed on one core. FOLDER keeps runs and samples: what is there is
not made again, and Keras' samples can be made elsewhere (see `keras_samples`). Prints the mean and the range
of each score over the seeds, and whether the two ranges overlap.
"""

import argparse
import subprocess
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from bench_ours import compose_run
from bench_process import HERE
from bench_record import KERAS_PYTHON
from bench_statistics import markdown_table

from dcgan_lightning.evaluate import real_images
from dcgan_lightning.evaluation import CHEAP_METRICS, RealImages, score_images
from dcgan_lightning.inference.pretrained import load_trained
from dcgan_lightning.inference.selection import Choice, draw_blocks
from dcgan_lightning.train import train

EPOCHS = (1, 2, 4, 8)
COUNT = 10_000
SCORES = ("frechet_distance", "precision", "recall", "coverage", "class_divergence")
Scores = dict[str, dict[int, list[dict[str, float]]]]  # of "keras" and "port", by epoch, one for each seed


def train_port(folder: Path, seed: int, *overrides: str) -> None:
    """Train this project with a seed, or go on where it stopped."""
    length = f"trainer.max_epochs={max(EPOCHS)}"
    keeping = ("callbacks=checkpoint", "callbacks.checkpoint.every_n_epochs=1", "logger=none", "report=false")
    run = folder / f"port_seed_{seed}"
    train(compose_run(run, length, *keeping, "threads=1", f"seed={seed}", "ckpt_path=auto", *overrides))


def sample_port(folder: Path, seed: int, epochs: Sequence[int], count: int = COUNT) -> None:
    """Keep images of a trained run after some epochs, as `keras_samples` does."""
    for epoch in epochs:
        run = folder / f"port_seed_{seed}" / "run"
        trained = load_trained(run / "checkpoints" / f"epoch_{epoch:04d}.ckpt")
        images = torch.cat(list(draw_blocks(trained, Choice(), count, seed)))
        np.savez_compressed(_samples(folder, "port", seed, epoch), images=images.numpy())


def _samples(folder: Path, name: str, seed: int, epoch: int) -> Path:
    return folder / f"{name}_seed_{seed}_epoch_{epoch}.npz"


def make_samples(folder: Path, name: str, seed: int, root: str | None) -> None:
    """Train "keras" or the "port" with a seed, and keep its images, if they are not there."""
    if all(_samples(folder, name, seed, epoch).exists() for epoch in EPOCHS):
        return
    if name == "port":
        train_port(folder, seed)
        sample_port(folder, seed, EPOCHS)
        return
    if root is None:
        raise SystemExit(f"{folder} lacks samples of Keras with seed {seed}; give --root to make them")
    setup = f'{{"root": "{root}", "threads": 1}}'
    subprocess.run([KERAS_PYTHON, HERE / "keras_samples.py", folder, str(seed), setup], check=True)


def score_samples(folder: Path, seeds: Sequence[int], epochs: Sequence[int], real: RealImages) -> Scores:
    """Return the scores of all samples in a folder."""
    scores: Scores = {name: {epoch: [] for epoch in epochs} for name in ("keras", "port")}
    for name, by_epoch in scores.items():
        for epoch in epochs:
            for seed in seeds:
                images = torch.from_numpy(np.load(_samples(folder, name, seed, epoch))["images"])
                by_epoch[epoch].append(score_images(images, real, metrics=CHEAP_METRICS))
    return scores


def table(scores: Scores) -> str:
    """Return a row for each epoch and score: Keras, the port, and whether their ranges overlap."""
    rows = []
    for epoch in scores["keras"]:
        for key in SCORES:
            keras, port = ([each[key] for each in scores[name][epoch]] for name in ("keras", "port"))
            overlap = max(min(keras), min(port)) <= min(max(keras), max(port))
            rows.append([str(epoch), key, _spread(keras), _spread(port), "yes" if overlap else "no"])
    return markdown_table(["epochs", "score", "Keras", "this project", "ranges overlap"], rows)


def _spread(values: Sequence[float]) -> str:
    digits = 1 if max(values) > 20 else 3
    middle, low, high = (f"{value:.{digits}f}" for value in (mean(values), min(values), max(values)))
    return f"{middle} ({low} to {high})"


def main() -> None:
    """Train what is missing, score and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--root", help="folder with the images in torchvision's layout, for Keras")
    arguments: Any = parser.parse_args()
    seeds = [int(seed) for seed in arguments.seeds.split(",")]
    arguments.folder.mkdir(parents=True, exist_ok=True)
    for seed in seeds:
        for name in ("keras", "port"):
            make_samples(arguments.folder, name, seed, arguments.root)
    print(table(score_samples(arguments.folder, seeds, EPOCHS, real_images())))


if __name__ == "__main__":
    main()
