"""What a contender's process is told, and what it tells. Needs neither PyTorch nor this project."""

import importlib.metadata
import itertools
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
STARTED = "BENCH_STARTED"  # the environment variable with the time at which the driver started the process
GENERATOR_CHANNELS = (256, 128, 64)  # the notebook's
DISCRIMINATOR_CHANNELS = (64, 128)
LATENT_DIM = 100
LEARNING_RATE = 1e-4
ADAM_EPS = 1e-7
AS_MAKE = {
    "GLIBC_TUNABLES": "glibc.malloc.tcache_count=0:glibc.malloc.hugetlb=1"
}  # the environment that Makefile trains in

Figures = dict[str, Any]


@dataclass(frozen=True)
class Setup:
    """What all contenders do alike.

    Attributes:
        iterations: Timed ones.
        warmup: Iterations before these, which are not timed.
        batch_size: Images an iteration.
        width: All channels are multiplied by this.
        root: Folder with the images in torchvision's layout; None lets this project find them, the others
            need it.
        threads: Of a CPU; None: as many as each contender takes by itself.
        overrides: Further settings, for this project only.
        device: "cpu" or "cuda".
        tf32: Whether a CUDA card computes products and convolutions as TensorFloat-32.
        processor_time: Time the seconds that this process computes, which other processes do not lengthen.
    """

    iterations: int = 20
    warmup: int = 3
    batch_size: int = 256
    width: float = 1.0
    root: str | None = None
    threads: int | None = None
    overrides: tuple[str, ...] = ()
    device: str = "cpu"
    tf32: bool = False
    processor_time: bool = False

    @property
    def all_iterations(self) -> int:
        """Those that are timed and those before."""
        return self.warmup + self.iterations

    @property
    def generator_channels(self) -> list[int]:
        """The notebook's, times the width."""
        return [max(1, round(channels * self.width)) for channels in GENERATOR_CHANNELS]

    @property
    def discriminator_channels(self) -> list[int]:
        """The notebook's, times the width."""
        return [max(1, round(channels * self.width)) for channels in DISCRIMINATOR_CHANNELS]

    def raw_folder(self) -> Path:
        """Return where the four files are.

        Raises:
            ValueError: No root was given.
        """
        if self.root is None:
            raise ValueError("this contender needs the folder of the images")
        return Path(self.root, "FashionMNIST", "raw")


class Clock:
    """Notes when iterations end.

    Args:
        warmup: Iterations that are not timed, at least 1.
        wait: Waits for the device, which computes while Python is ahead of it.
        block: Wait for the device, and note the time, every so many iterations only.
        now: Tells the seconds.
    """

    def __init__(
        self,
        warmup: int,
        wait: Callable[[], None] = lambda: None,
        block: int = 1,
        now: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.warmup = warmup
        self.started = float(os.environ.get(STARTED, time.time()))
        self.seconds_to_first_iteration = 0.0
        self._wait = wait
        self._block = block
        self._now = now
        self._iterations = 0
        self._ends: list[float] = []

    def tick(self) -> None:
        """Note that an iteration has ended."""
        self._iterations += 1
        timed = self._iterations - self.warmup
        if self._iterations == 1:
            self._wait()
            self.seconds_to_first_iteration = time.time() - self.started
        is_due = timed >= 0 and timed % self._block == 0
        if is_due:
            self._wait()
        now = self._now()
        if is_due:
            self._ends.append(now)

    def seconds(self) -> list[float]:
        """Return the seconds an iteration, for each timed block."""
        return [(later - earlier) / self._block for earlier, later in itertools.pairwise(self._ends)]


def memory_mb(name: str = "VmHWM") -> float:
    """Return a memory figure of this process: VmHWM, the peak, or VmRSS, what is resident now.

    Where there is no /proc it is always the peak. (On Linux ``ru_maxrss`` starts with the parent's peak.)
    """
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith(f"{name}:"))
        return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 1024)


def versions(*packages: str) -> dict[str, str]:
    """Return the versions of Python and of packages."""
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in packages
    }


def training_figures(clock: Clock, parameters: tuple[int, int], *packages: str, **more: Any) -> Figures:
    """Return what a contender tells at its end.

    Args:
        clock: Has seen all iterations.
        parameters: Trainable ones of generator and discriminator.
        packages: Whose versions are told.
        more: Further figures.
    """
    return {
        "seconds": clock.seconds(),
        "seconds_to_first_iteration": clock.seconds_to_first_iteration,
        "peak_memory_mb": memory_mb(),
        "parameters": list(parameters),
        "versions": versions(*packages),
        **more,
    }


def setup_from(arguments: list[str]) -> Setup:
    """Return the setup that a process was told as JSON; the usual one without it."""
    values = json.loads(arguments[0]) if arguments else {}
    return Setup(**values | {"overrides": tuple(values.get("overrides", ()))})


def run_process(
    python: str | Path, script: str, *arguments: str, setup: Setup, variables: Mapping[str, str] | None = None
) -> Figures:
    """Run a script of this folder in a fresh process and return the figures on the last line of its output.

    Args:
        python: The interpreter.
        script: The file's name.
        arguments: Before the setup.
        setup: Told as JSON.
        variables: Further ones of its environment.

    Raises:
        RuntimeError: The process failed; says its last lines.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    command = [str(python), str(HERE / script), *arguments, json.dumps(asdict(setup))]
    environment = {"PYTHONPATH": path, STARTED: repr(time.time())}
    if setup.device == "cpu":
        environment["CUDA_VISIBLE_DEVICES"] = ""
    environment = os.environ | environment | dict(variables or {})
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    lines = finished.stdout.splitlines()
    if finished.returncode or not lines:
        last = " ".join(finished.stderr.split())[-500:]
        raise RuntimeError(f"{script} {' '.join(arguments)}: exit code {finished.returncode}: {last}")
    figures: Figures = json.loads(lines[-1])
    return figures
