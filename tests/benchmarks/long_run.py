"""Memory over a long run: what is resident at ten points of it.

    python tests/benchmarks/long_run.py [--tiny 10000] [--real 300] [--quick]

Trains with all usual callbacks, first tiny networks on made-up data for many iterations, then the notebook's
networks on Fashion-MNIST for some hundred, each in forty epochs, so that grids, curves, checkpoints and the
film's frames are written again and again. In the first ten, matplotlib's figures fill what Python's garbage
collector leaves; in the second half the memory should stay the same. Each run is a process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from typing import Any

import pytorch_lightning as pl
from bench_ours import compose_run, train_watched
from bench_process import AS_MAKE, memory_mb
from bench_statistics import markdown_table
from pytorch_lightning.callbacks import Callback

EPOCHS = 40
POINTS = 10
RUNS = {
    "tiny": (
        "experiment=smoke",
        f"trainer.max_epochs={EPOCHS}",
        "trainer.log_every_n_steps=50",
        "callbacks.sample_grid.every_n_iterations=50",
    ),
    "real": (f"trainer.max_epochs={EPOCHS}", "callbacks.checkpoint.every_n_epochs=1"),
}


class MemoryWatch(Callback):
    """Note what is resident at the end of each epoch, after all other callbacks.

    Attributes:
        points: Finished iterations and MB.
    """

    def __init__(self) -> None:
        self.points: list[tuple[int, float]] = []

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Note."""
        iterations = int(trainer.num_training_batches) * (trainer.current_epoch + 1)
        self.points.append((iterations, memory_mb("VmRSS")))


def watch(name: str, iterations: int) -> list[tuple[int, float]]:
    """Train in this process and return the points."""
    an_epoch = max(1, iterations // EPOCHS)
    limit = (
        (f"data.count={32 * an_epoch}",) if name == "tiny" else (f"trainer.limit_train_batches={an_epoch}",)
    )
    memory = MemoryWatch()
    with tempfile.TemporaryDirectory() as folder:
        train_watched(compose_run(folder, *RUNS[name], *limit), memory)
    return memory.points[EPOCHS // POINTS - 1 :: EPOCHS // POINTS]


def growth_mb(points: list[list[Any]]) -> float:
    """Return by how much the memory grew in the second half."""
    return float(points[-1][1] - points[POINTS // 2 - 1][1])


def main() -> int:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--tiny", type=int, default=10_000, help="iterations of tiny networks; 0: none")
    parser.add_argument(
        "--real", type=int, default=300, help="iterations of the notebook's networks; 0: none"
    )
    parser.add_argument("--quick", action="store_true", help="40 tiny iterations: it works")
    parser.add_argument("--here", choices=RUNS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    lengths = {"tiny": 40, "real": 0} if arguments.quick else {"tiny": arguments.tiny, "real": arguments.real}
    if arguments.here:
        print(json.dumps(watch(arguments.here, lengths[arguments.here])))
        return 0
    for name in filter(lengths.get, RUNS):
        command = [sys.executable, __file__, "--here", name, f"--{name}", str(lengths[name])]
        output = subprocess.run(
            command, env=os.environ | AS_MAKE, stdout=subprocess.PIPE, text=True, check=True
        ).stdout
        points = json.loads(output.splitlines()[-1])
        print(markdown_table([f"{name}: iterations", "MB"], [[f"{at:,}", f"{mb:,.0f}"] for at, mb in points]))
        print(f"\nin the second half: {growth_mb(points):+,.1f} MB\n", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
