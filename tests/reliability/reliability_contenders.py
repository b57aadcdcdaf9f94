"""The two programs that go through the same cases: this project, and a plain Lightning script."""

import atexit
import functools
import hashlib
import json
import os
import shutil
import sys
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from reliability_processes import HERE, ColdProcess, Finished, Process, WarmProcess
from reliability_processes import environment as usual_environment

FAULTS = HERE / "faults"
# Everywhere, also where the networks are too small to gain; "false" tries PyTorch's own operations.
FAST_PATHS = f"model.fast_paths={os.environ.get('RELIABILITY_FAST_PATHS', 'true')}"
RUN = "run_name=run"
NARROW = (
    "data.batch_size=32",
    "model.latent_dim=16",
    "model.generator_channels=[16,8,8]",
    "model.discriminator_channels=[8,8]",
)


@dataclass
class Outcome:
    """What became of one case.

    Attributes:
        tried: How many things were checked.
        good: How many of them were as they should be.
        notes: A short line for each that was not.
        figures: Numbers of the report, which adds them up over all cases.
    """

    tried: int = 0
    good: int = 0
    notes: list[str] = field(default_factory=list)
    figures: dict[str, list[float]] = field(default_factory=dict)

    def check(self, good: bool, note: str) -> None:
        """Count one try; the note is kept if it is not good."""
        self.tried += 1
        self.good += bool(good)
        if not good:
            self.notes.append(note)

    def count(self, name: str, value: float = 1) -> None:
        """Add a number to a figure."""
        self.figures.setdefault(name, []).append(value)

    def add(self, part: "Outcome", what: str) -> None:
        """Add the outcome of a part; its notes are preceded by the part's name."""
        self.tried += part.tried
        self.good += part.good
        self.notes += [f"{what}: {note}" for note in part.notes]
        for figure, values in part.figures.items():
            self.figures.setdefault(figure, []).extend(values)

    @property
    def passed(self) -> bool:
        return self.tried > 0 and self.good == self.tried


@dataclass(frozen=True)
class Contender(ABC):
    """A training program with Hydra's command line.

    Attributes:
        name: For the report.
        go_on: Overrides that go on with what the run folder holds, or start anew where it holds nothing.
        warm: Processes are forked with the libraries imported (see `WarmProcess`).
    """

    name: str
    go_on: tuple[str, ...]
    warm: bool = False

    @abstractmethod
    def arguments(self) -> list[str]:
        """Return what follows ``python``."""

    @abstractmethod
    def small(self, folder: Path) -> tuple[str, ...]:
        """Return overrides for 3 epochs of 6 iterations with narrow networks on Fashion-MNIST."""

    @abstractmethod
    def full(self, folder: Path) -> tuple[str, ...]:
        """Return overrides for 2 epochs of 3 iterations with the notebook's networks and batch size."""

    @abstractmethod
    def two_processes(self, folder: Path) -> tuple[str, ...]:
        """Return overrides for the small run, shared by two processes."""

    @abstractmethod
    def last_checkpoint(self, folder: Path) -> Path:
        """Return the checkpoint that the run goes on from."""

    @abstractmethod
    def history(self, folder: Path) -> bytes:
        """Return the table of the losses, without what depends on the clock."""

    @abstractmethod
    def film(self, folder: Path) -> Path:
        """Return where the film is."""

    def warmed(self, warm: bool = True) -> "Contender":
        """Return the same contender with or without imported libraries."""
        return replace(self, warm=warm)

    def command(self, *overrides: str) -> list[str]:
        """Return the command line."""
        return [sys.executable, *self.arguments(), *overrides]

    def run_folder(self, folder: Path) -> Path:
        """Return where a run that was started in a folder keeps its files."""
        return folder / "outputs" / "run"

    def start(
        self,
        folder: Path,
        *overrides: str,
        env: Mapping[str, str] | None = None,
        faults: Mapping[str, Any] | None = None,
        prepare: Callable[[], None] | None = None,
    ) -> Process:
        """Start the program in a folder.

        Args:
            folder: The working folder.
            overrides: Hydra's.
            env: Added to the environment.
            faults: What ``faults/faults_plugin.py`` shall do.
            prepare: Called in the new process before the program (then never warm).
        """
        environment = usual_environment(*([] if faults is None else [str(FAULTS)])) | dict(env or {})
        if faults is not None:
            environment["RELIABILITY_FAULTS"] = json.dumps(faults)
        overrides = self.usable(folder, overrides)
        if self.warm and prepare is None:
            return WarmProcess([*self.arguments(), *overrides], folder, environment)
        return ColdProcess(self.command(*overrides), cwd=folder, env=environment, preexec_fn=prepare)

    def run(self, folder: Path, *overrides: str, timeout: float = 300, **options: Any) -> Finished:
        """Run the program to its end (see `start` for the options)."""
        return self.start(folder, *overrides, **options).finish(timeout)

    def usable(self, folder: Path, overrides: tuple[str, ...]) -> tuple[str, ...]:
        """Return the overrides that fit what the folder holds."""
        return overrides

    def load(self, folder: Path) -> dict[str, Any]:
        """Return the content of the last checkpoint."""
        return torch.load(self.last_checkpoint(folder), map_location="cpu", weights_only=True)

    def digest(self, folder: Path) -> dict[str, str]:
        """Return a checksum for each thing that has to be the same in two runs that are the same."""
        if not self.last_checkpoint(folder).is_file():
            return {"checkpoint": "missing"}
        checkpoint = self.load(folder)
        adams = {
            f"adam {number}": _checksum(_tensor_bytes(adam["state"]))
            for number, adam in enumerate(checkpoint["optimizer_states"])
        }
        grids = sorted((self.run_folder(folder) / "samples").glob("*.png"))
        return {
            "weights": _checksum(_tensor_bytes(checkpoint["state_dict"])),
            **adams,
            "average": _checksum(_tensor_bytes(checkpoint["callbacks"].get("AveragedGenerator", {}))),
            "history": _checksum([self.history(folder)]),
            **{f"grid {path.name}": _checksum([path.read_bytes()]) for path in grids},
            "film": _checksum([self.film(folder).read_bytes()]) if self.film(folder).is_file() else "missing",
        }


@dataclass(frozen=True)
class Ours(Contender):
    """This project's own command line."""

    def arguments(self) -> list[str]:
        return ["-m", "dcgan_lightning.train"]

    def small(self, folder: Path) -> tuple[str, ...]:
        return (
            *("data=fashion_mnist", "trainer=cpu", RUN, "trainer.max_epochs=3"),
            *("trainer.limit_train_batches=6", "trainer.log_every_n_steps=1"),
            "callbacks.sample_grid.every_n_iterations=3",
            *("callbacks.checkpoint.every_n_epochs=1", "callbacks.history.plot_every_n_epochs=0"),
            *(*NARROW, FAST_PATHS),
        )

    def full(self, folder: Path) -> tuple[str, ...]:
        return (
            *("data=fashion_mnist", "trainer=cpu", RUN, "trainer.max_epochs=2"),
            *("trainer.limit_train_batches=3", "trainer.log_every_n_steps=1", FAST_PATHS),
        )

    def two_processes(self, folder: Path) -> tuple[str, ...]:
        return tuple("trainer=ddp_cpu" if part == "trainer=cpu" else part for part in self.small(folder))

    @property
    def synthetic(self) -> tuple[str, ...]:
        """Overrides for a run of two epochs on made-up data."""
        return ("experiment=smoke", RUN, "callbacks.history.plot_every_n_epochs=0", FAST_PATHS)

    def last_checkpoint(self, folder: Path) -> Path:
        return self.run_folder(folder) / "checkpoints" / "last.ckpt"

    def history(self, folder: Path) -> bytes:
        path = self.run_folder(folder) / "history" / "history.csv"
        rows = [line.split(",") for line in path.read_text().splitlines()] if path.is_file() else []
        return "\n".join(",".join(row[:2] + row[3:]) for row in rows).encode()  # without the seconds

    def film(self, folder: Path) -> Path:
        return self.run_folder(folder) / "fashion_mnist_dcgan.gif"


@dataclass(frozen=True)
class Plain(Contender):
    """`plain_lightning.py`."""

    def arguments(self) -> list[str]:
        return [str(HERE / "plain_lightning.py")]

    def small(self, folder: Path) -> tuple[str, ...]:
        return (
            *(RUN, "trainer.accelerator=cpu", "trainer.max_epochs=3", "trainer.limit_train_batches=6"),
            *(f"data.root={torchvision_root()}", *NARROW),
        )

    def full(self, folder: Path) -> tuple[str, ...]:
        return (
            *(RUN, "trainer.accelerator=cpu", "trainer.max_epochs=2", "trainer.limit_train_batches=3"),
            f"data.root={torchvision_root()}",
        )

    def two_processes(self, folder: Path) -> tuple[str, ...]:
        strategy = "trainer.strategy=ddp_find_unused_parameters_true"
        return (*self.small(folder), "trainer.devices=2", strategy)

    @property
    def synthetic(self) -> tuple[str, ...]:
        """The small run: there is no made-up data here."""
        return self.small(Path())

    def usable(self, folder: Path, overrides: tuple[str, ...]) -> tuple[str, ...]:
        # Lightning itself warns and starts anew where there is no "last" checkpoint; a person would look.
        holds_one = any((self.run_folder(folder) / "checkpoints").glob("last*.ckpt"))
        return tuple(override for override in overrides if override != "ckpt_path=last" or holds_one)

    def last_checkpoint(self, folder: Path) -> Path:
        checkpoints = self.run_folder(folder) / "checkpoints"
        found = sorted(checkpoints.glob("last*.ckpt"), key=lambda path: path.stat().st_mtime_ns)
        return found[-1] if found else checkpoints / "last.ckpt"

    def history(self, folder: Path) -> bytes:
        versions = sorted(
            (self.run_folder(folder) / "logs").glob("version_*"), key=lambda path: int(path.name[8:])
        )
        tables = [path / "metrics.csv" for path in versions if (path / "metrics.csv").is_file()]
        rows = [line for path in tables for line in path.read_text().splitlines()]
        return "\n".join(line for number, line in enumerate(rows) if number == 0 or line != rows[0]).encode()

    def film(self, folder: Path) -> Path:
        return self.run_folder(folder) / "samples.gif"


OURS = Ours("ours", ("ckpt_path=auto",))
PLAIN = Plain("plain", ("ckpt_path=last",))


@functools.cache
def torchvision_root() -> Path:
    """Return a folder with Fashion-MNIST as torchvision lays it out (made once, of links)."""
    from dcgan_lightning.data.fashion_mnist.idx import FASHION_MNIST
    from dcgan_lightning.data.fashion_mnist.sources import locate

    located = locate(report=lambda sentence: None)
    root = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    raw = root / "FashionMNIST" / "raw"
    raw.mkdir(parents=True)
    for file in FASHION_MNIST.values():
        (raw / file.name).symlink_to(located.folder.resolve() / file.name)
    return root


def difference(first: Mapping[str, str], second: Mapping[str, str]) -> str:
    """Name what differs between two digests; empty if nothing does."""
    return ", ".join(key for key in {**first, **second} if first.get(key) != second.get(key))


def problem_with_answer(contender: Contender, finished: Finished, *tokens: str, lines: int = 3) -> str:
    """Say what keeps an answer from being clear; empty if it is.

    A clear answer has an exit code that is not 0, no traceback, and names each token on at most ``lines``
    lines of stderr (this project: exactly one).
    """
    if finished.returncode == 0:
        return "exit code 0"
    if finished.returncode < 0:
        return f"ended by signal {-finished.returncode}"
    if "Traceback" in finished.errors:
        return f"traceback ({finished.error_lines[-1][:120]})"
    count = len(finished.error_lines)
    if not 1 <= count <= (1 if contender.name == "ours" else lines):
        return f"{count} lines on stderr"
    missing = [token for token in tokens if token not in finished.errors]
    return f"{missing[0]!r} is not in {finished.errors.strip()[:200]!r}" if missing else ""


def files_below(folder: Path) -> dict[str, str]:
    """Return a checksum for each file below a folder, under its relative path."""
    return {
        str(path.relative_to(folder)): _checksum([path.read_bytes()])
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _checksum(parts: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def _tensor_bytes(value: Any, name: str = "") -> Iterable[bytes]:
    """Yield names and bytes of all tensors in nested mappings."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield from _tensor_bytes(part, f"{name}/{key}")
    elif isinstance(value, torch.Tensor):
        yield f"{name} {value.dtype} {tuple(value.shape)}".encode()
        yield value.contiguous().numpy().tobytes()
