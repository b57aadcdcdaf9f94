"""How many images a second one and two processes train on, and how it is expected to grow with more.

    python tests/benchmarks/scaling.py [--rounds 3] [--iterations 10]

Measures the real command with the notebook's recipe on this machine's CPU: one process on one core, one on
all cores, and one for each of two halves of the cores, in turn. What is expected of more processes is worked
out: each computes an equal part of an iteration, and then all exchange the gradients in a ring, which moves
2 (p - 1) / p times their bytes through each connection. Waiting times of the exchanges and of BatchNorm's few
kilobytes are left out, so it is a bound from above.
"""

import argparse
import csv
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench_process import AS_MAKE, ROOT
from bench_statistics import describe, markdown_table, spread

BATCH_SIZE = 256
GIGABYTE = 1e9
# Bytes a second through one connection.
BANDWIDTHS = {"1 Gbit/s": 0.125, "10 Gbit/s": 1.25, "100 Gbit/s": 12.5, "NVLink, 300 GB/s": 300.0}
PROCESSES = (2, 4, 8, 16)
WARMUP = 2


def gradient_bytes() -> tuple[int, int]:
    """Return the bytes of both networks' float32 gradients: the generator's and the discriminator's."""
    from dcgan_lightning.networks import Discriminator, Generator

    generator, discriminator = (
        sum(weights.numel() * weights.element_size() for weights in network.parameters())
        for network in (Generator(), Discriminator())
    )
    return generator, discriminator


def exchange_seconds(processes: int, size: int, bandwidth: float) -> float:
    """Return how long it takes to average ``size`` bytes in a ring.

    Args:
        processes: In the ring.
        size: Bytes that each process has.
        bandwidth: Bytes a second through one connection.
    """
    return 2 * (processes - 1) / processes * size / bandwidth


def speedup(processes: int, seconds: float, size: int, bandwidth: float) -> float:
    """Return how many times as many images a second several processes train on as one, at most.

    Args:
        processes: That share the iteration.
        seconds: Of the iteration in one process.
        size: Bytes of the gradients.
        bandwidth: Bytes a second through one connection.
    """
    return seconds / (seconds / processes + exchange_seconds(processes, size, bandwidth))


def measure(
    threads: int, iterations: int, *overrides: str, variables: Mapping[str, str] | None = None
) -> float:
    """Return the median seconds of an iteration of the real command, in processes of so many threads.

    Args:
        threads: Of each process.
        iterations: Timed ones.
        overrides: Further settings.
        variables: Further ones of the command's environment.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [
            sys.executable, "-m", "dcgan_lightning.train", "run_name=run", "trainer.max_epochs=1",
            "logger=none", f"trainer.limit_train_batches={WARMUP + iterations}",
            f"data.batch_size={BATCH_SIZE}", f"threads={threads}", "callbacks=[history]", *overrides,
        ]  # fmt: skip
        environment = os.environ | AS_MAKE | {"PYTHONPATH": str(ROOT)} | dict(variables or {})
        subprocess.run(command, cwd=folder, env=environment, check=True, stdout=subprocess.DEVNULL)
        with open(Path(folder, "outputs", "run", "history", "history.csv")) as file:
            ends = [float(row["seconds"]) for row in csv.DictReader(file)][WARMUP - 1 :]
    return statistics.median(after - before for before, after in itertools.pairwise(ends))


def measured_table(times: dict[str, Sequence[float]]) -> str:
    """Return the measured rows; the first one is what the others are compared with.

    Args:
        times: Seconds an iteration of each round.
    """
    first = statistics.median(next(iter(times.values())))
    rows = []
    for name, seconds in times.items():
        middle = statistics.median(seconds)
        rows.append(
            [name, describe(spread(seconds), 2), f"{BATCH_SIZE / middle:,.0f}", f"{first / middle:.2f}"]
        )
    return markdown_table(["on this machine", "seconds an iteration", "images/s", "times the first"], rows)


def expected_table(seconds: float, size: int) -> str:
    """Return what is expected of more processes, for an iteration of so many seconds in one."""
    rows = [
        [name, *(f"{speedup(count, seconds, size, rate * GIGABYTE):.1f}" for count in PROCESSES)]
        for name, rate in BANDWIDTHS.items()
    ]
    return markdown_table([f"{seconds * 1000:.0f} ms an iteration", *map(str, PROCESSES)], rows)


def main() -> None:
    """Measure, work out and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=10)
    arguments = parser.parse_args()
    cores = len(os.sched_getaffinity(0))
    ways = {
        "1 process, 1 core": (1, "trainer=cpu"),
        f"1 process, {cores} cores": (cores, "trainer=cpu"),
        f"2 processes, {cores // 2} of the cores each": (max(1, cores // 2), "trainer=ddp_cpu"),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(arguments.rounds):
        for name, (threads, trainer) in ways.items():
            times[name].append(measure(threads, arguments.iterations, trainer))
    generator, discriminator = gradient_bytes()
    size = generator + discriminator
    print(f"{measured_table(times)}\n\ngradients: {size / 1e6:.1f} MB an iteration", end=" ")
    print(f"(generator {generator / 1e6:.1f}, discriminator {discriminator / 1e6:.1f})")
    print("\ntimes as many images a second as one process, at most, for 2, 4, 8 and 16 processes:")
    one_core = statistics.median(times["1 process, 1 core"])
    for seconds in (one_core, 0.02, 0.005):  # a core; what GPUs may need
        print(f"\n{expected_table(seconds, size)}")


if __name__ == "__main__":
    main()
