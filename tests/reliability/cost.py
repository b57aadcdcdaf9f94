"""What an iteration costs with and without all that makes runs reliable, side by side.

    python tests/reliability/cost.py [--rounds 4] [--iterations 12]

Both ways train the notebook's networks on Fashion-MNIST, in turn and in one process. "Without" leaves out the
reseeding before each iteration, the look at the losses before the step, the averaging over processes, the
question whether to stop, and writes checkpoints with ``torch.save`` instead of atomically and checked.
"""

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
from hydra import compose, initialize_config_dir
from pytorch_lightning.plugins.io import TorchCheckpointIO

from dcgan_lightning.callbacks import GracefulStop
from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.systems import DCGAN
from dcgan_lightning.train import train
from dcgan_lightning.training.checkpoint_io import AtomicCheckpointIO


@contextlib.contextmanager
def without_reliability() -> Iterator[None]:
    """Take everything out that an iteration, or an epoch's checkpoint, pays for being reliable."""

    def nothing(*arguments: object, **options: object) -> None:
        """Do nothing."""

    with (
        mock.patch.object(DCGAN, "_reseed", nothing),
        mock.patch.object(DCGAN, "check_finite", nothing),
        mock.patch("dcgan_lightning.systems.system.average_in_place", nothing),
        mock.patch.object(GracefulStop, "on_train_batch_end", nothing),
        mock.patch.object(AtomicCheckpointIO, "save_checkpoint", TorchCheckpointIO.save_checkpoint),
    ):
        yield


def seconds_of(iterations: int) -> tuple[float, float]:
    """Train one epoch; return the median seconds of its iterations, and those of the whole training."""
    with tempfile.TemporaryDirectory() as folder:
        with initialize_config_dir(CONF_DIR, version_base="1.3"):
            cfg = compose(
                "train",
                overrides=[
                    "trainer=cpu",
                    "trainer.max_epochs=1",
                    f"trainer.limit_train_batches={iterations}",
                    f"trainer.log_every_n_steps={iterations}",
                    "callbacks.progress=null",
                ],
            )
        cfg.paths.output_dir = folder + "/run"
        started = time.perf_counter()
        train(cfg)
        whole = time.perf_counter() - started
        table = np.loadtxt(Path(folder, "run", "history", "history.csv"), delimiter=",", skiprows=1)
    return float(np.median(np.diff(table[:, 2]))), whole


def measure(rounds: int, iterations: int) -> dict[str, float]:
    """Return the medians of both ways, and of the ratios of each round."""
    seconds_of(3)  # warm up
    pairs = []
    for number in range(rounds):
        with_all = without = (0.0, 0.0)
        for is_with in (True, False) if number % 2 else (False, True):
            with contextlib.nullcontext() if is_with else without_reliability():
                measured = seconds_of(iterations)
            with_all, without = (measured, without) if is_with else (with_all, measured)
        pairs.append((with_all, without))
        print(f"round {number + 1}: with {with_all[0]:.4f}, without {without[0]:.4f} s/iteration", flush=True)
    ratios = [with_all[0] / without[0] for with_all, without in pairs]
    return {
        "seconds_per_iteration_with": round(statistics.median(pair[0][0] for pair in pairs), 4),
        "seconds_per_iteration_without": round(statistics.median(pair[1][0] for pair in pairs), 4),
        "ratio": round(statistics.median(ratios), 4),
        "smallest_ratio": round(min(ratios), 4),
        "largest_ratio": round(max(ratios), 4),
        "ratio_of_whole_trainings": round(
            statistics.median(with_all[1] / without[1] for with_all, without in pairs), 4
        ),
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--iterations", type=int, default=12, help="a round and a way")
    arguments = parser.parse_args()
    print(json.dumps(measure(arguments.rounds, arguments.iterations), indent=2))


if __name__ == "__main__":
    main()
