"""What a folder of pictures costs: preparing it, batches from memory and from a memory map, an iteration.

    python tests/benchmarks/folders.py [--pictures 10000] [--rounds 5] [--iterations 20]

The pictures are made here: JPEGs with textures, 320 x 240 to 640 x 480 pixels. Rates are given for wall time
and for CPU time, which is summed over all threads: on a machine that is busy with other work only the latter
tells what the program itself takes. An iteration is that of the real command at 64 x 64 pixels in colour.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from bench_process import AS_MAKE, ROOT
from bench_statistics import describe, markdown_table, spread
from PIL import Image
from torch import Tensor

from dcgan_lightning.core.cores import available_cores
from dcgan_lightning.data import ImageFolderDataModule, ShuffledBatches

SIZE = 64
BATCH_SIZE = 64
RECIPE = ("data=image_folder", "model=sngan", "model.classes=0", "trainer=cpu", "logger=none", "report=false")
WARMUP = 5
GIGABYTE = 1e9


def make_pictures(folder: Path, count: int) -> int:
    """Write JPEG files with cuttings of a texture; return their bytes."""
    rng = np.random.default_rng(0)
    coarse = Image.fromarray(rng.integers(0, 256, (60, 80, 3), dtype=np.uint8)).resize((1600, 1200))
    texture = Image.blend(coarse, Image.fromarray(rng.integers(0, 256, (1200, 1600, 3), dtype=np.uint8)), 0.1)
    size = 0
    for number in range(count):
        width, height = int(rng.integers(320, 641)), int(rng.integers(240, 481))
        left, top = int(rng.integers(1600 - width)), int(rng.integers(1200 - height))
        path = folder / f"{number:06d}.jpg"
        texture.crop((left, top, left + width, top + height)).save(path, quality=85)
        size += path.stat().st_size
    return size


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds of wall time and of CPU time, summed over threads, that something takes."""
    started = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started[0], time.process_time() - started[1]


def module_of(folder: Path, cache: Path, memory_share: float = 0.5) -> ImageFolderDataModule:
    """Return the data set, not yet prepared."""
    return ImageFolderDataModule(
        BATCH_SIZE, root=str(folder), size=SIZE, cache_dir=str(cache), memory_share=memory_share
    )


def time_preparing(folder: Path, cache: Path, count: int) -> str:
    """Prepare the pictures, then read them from the cache, and return the table."""
    rows = []
    for what in ("prepared", "found in the cache, verified"):
        wall, cpu = timed(module_of(folder, cache).prepare_data)
        rows.append([what, *(f"{count / seconds:,.0f}" for seconds in (wall, cpu))])
    return markdown_table([f"{count:,} pictures", "per second", "per second of CPU time"], rows)


def time_batches(folder: Path, cache: Path, rounds: int) -> str:
    """Read epochs of batches from memory and from the memory map in turn, and return the table."""
    ways = {"memory": 1.0, "memory map": 0.0}
    images = {name: module_of(folder, cache, share).load_images() for name, share in ways.items()}
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    first = {name: timed(partial(_read_all, images[name], 0))[1] for name in ways}
    for epoch in range(1, rounds + 1):
        for name in ways:
            seconds[name].append(timed(partial(_read_all, images[name], epoch))[1])
    batches = len(ShuffledBatches(images["memory"], BATCH_SIZE, 0))
    pairs = zip(seconds["memory map"], seconds["memory"], strict=True)
    relative = {
        "memory": "1",
        "memory map": f"{statistics.median(mapped / held for mapped, held in pairs):.3f}",
    }
    rows = [
        [
            name,
            describe(spread(1000 * value / batches for value in seconds[name]), 3),
            relative[name],
            f"{1000 * first[name] / batches:.3f}",
        ]
        for name in ways
    ]
    return markdown_table(
        [f"batches of {BATCH_SIZE} from", "ms of CPU time", "relative", "first epoch"], rows
    )


def _read_all(images: Tensor, seed: int) -> None:
    for _ in ShuffledBatches(images, BATCH_SIZE, seed):
        pass


def time_training(folder: Path, cache: Path, iterations: int) -> str:
    """Train for two lengths with one thread; return what an iteration takes, and the memory."""
    data = (f"data.root={folder}", f"data.cache_dir={cache}", f"data.size={SIZE}", "threads=1")
    environment = os.environ | AS_MAKE | {"PYTHONPATH": str(ROOT)}
    used = []
    for count in (WARMUP, WARMUP + iterations):
        limit = (f"trainer.limit_train_batches={count}", "trainer.max_epochs=1", "run_name=run")
        with tempfile.TemporaryDirectory() as name:
            command = [sys.executable, "-m", "dcgan_lightning.train", *RECIPE, *data, *limit]
            before = _cpu_of_children()
            subprocess.run(command, cwd=name, env=environment, check=True, stdout=subprocess.DEVNULL)
            used.append(_cpu_of_children() - before)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return (
        f"An iteration of {BATCH_SIZE} images, {' '.join(RECIPE)}, one thread: "
        f"{(used[1] - used[0]) / iterations:.3f} s of CPU time; peak memory {peak / GIGABYTE:.2f} GB"
    )


def _cpu_of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--pictures", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5, help="epochs of batches, each way")
    parser.add_argument("--iterations", type=int, default=20, help="of the training; 0: none")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder, cache = Path(name, "pictures"), Path(name, "cache")
        folder.mkdir()
        size = make_pictures(folder, options.pictures)
        print(
            f"{options.pictures:,} JPEGs, {size / GIGABYTE:.2f} GB, {available_cores()} cores\n", flush=True
        )
        print(time_preparing(folder, cache, options.pictures), flush=True)
        print(f"\n{time_batches(folder, cache, options.rounds)}", flush=True)
        if options.iterations:
            print(f"\n{time_training(folder, cache, options.iterations)}")


if __name__ == "__main__":
    main()
