"""Faults for a training that knows nothing of them: Lightning loads this callback from an entry point.

The environment variable ``RELIABILITY_FAULTS`` holds what shall happen, as JSON:

- ``trace``: file that gets a line "epoch batch" (from 0) when an iteration starts
- ``digests``: folder that gets ``rank_<rank>.txt``, a checksum of the weights, at the end of the training
- ``at``: [epoch, batch]; ``point``: batch_start, between (the two optimizers' steps), batch_end, epoch_end or
  train_end; ``rank``: only in this process (otherwise in all)
- ``action``: sigkill, sigterm, sigint, sigint_twice, raise, nan, full_disk, kill_in_write, kill_at_rename,
  wait or, where several processes train, exchange_alone, save_alone or work_alone
- ``filler`` and ``spare``: for full_disk: file that takes all free space but so many bytes; or
  ``limit_bytes``: the largest a file may grow
- ``file``: for kill_in_write: part of the name of the checkpoint that is hit
- ``number``: for kill_at_rename: how many renames come before it
- ``here`` and ``until``: for wait: file that is made, and file whose appearance ends the wait
"""

import contextlib
import hashlib
import json
import os
import resource
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytorch_lightning as pl
import torch
from pytorch_lightning.callbacks import Callback

ANY = -1


class Interruption(Exception):
    """What the action "raise" raises."""


def make_callbacks() -> list[Callback]:
    """Return the callback where faults are asked for."""
    wanted = os.environ.get("RELIABILITY_FAULTS")
    return [Faults(json.loads(wanted))] if wanted else []


class Faults(Callback):
    """Follow the training and strike once."""

    def __init__(self, wanted: dict[str, Any]) -> None:
        self.wanted = wanted
        self.batch = ANY
        self.steps = 0  # of optimizers within the iteration
        self.struck = False

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: object, batch_idx: int
    ) -> None:
        self.batch, self.steps = batch_idx, 0
        if "trace" in self.wanted and trainer.is_global_zero:
            append(self.wanted["trace"], f"{trainer.current_epoch} {batch_idx}\n")
        self.reach("batch_start", trainer, pl_module)

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: torch.optim.Optimizer
    ) -> None:
        self.steps += 1
        if self.steps == 2:
            self.reach("between", trainer, pl_module)

    def on_train_batch_end(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, outputs: Any, batch: object, batch_idx: int
    ) -> None:
        self.reach("batch_end", trainer, pl_module)

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        self.batch = ANY
        self.reach("epoch_end", trainer, pl_module)

    def on_train_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        if "digests" in self.wanted:
            digest = hashlib.sha256()
            for name, value in pl_module.state_dict().items():
                digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
            path = Path(self.wanted["digests"], f"rank_{trainer.global_rank}.txt")
            path.write_text(digest.hexdigest())
        self.reach("train_end", trainer, pl_module)

    def reach(self, point: str, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Strike if this is the place."""
        if self.struck or self.wanted.get("point") != point:
            return
        if self.wanted.get("rank", trainer.global_rank) != trainer.global_rank:
            return
        if point != "train_end":
            epoch, batch = self.wanted["at"]
            if trainer.current_epoch != epoch or self.batch not in (batch, ANY):
                return
        self.struck = True
        ACTIONS[self.wanted["action"]](self.wanted, pl_module)


def append(path: str, text: str) -> None:
    """Add a line with one system call, so that a killed process leaves whole lines."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(handle, text.encode())
    os.close(handle)


def send(*numbers: signal.Signals) -> None:
    """Send signals to this process, one after the other."""
    for number in numbers:
        os.kill(os.getpid(), number)


def interrupt(wanted: dict[str, Any], module: pl.LightningModule) -> None:
    raise Interruption("by the reliability tests")


def poison(wanted: dict[str, Any], module: pl.LightningModule) -> None:
    """Make the discriminator's first weight NaN."""
    with torch.no_grad():
        next(module.get_submodule("discriminator").parameters()).view(-1)[0] = float("nan")


def fill_disk(wanted: dict[str, Any], module: pl.LightningModule) -> None:
    """Leave next to no free space, or let files grow no further than a limit."""
    if "limit_bytes" in wanted:
        resource.setrlimit(resource.RLIMIT_FSIZE, (wanted["limit_bytes"], resource.RLIM_INFINITY))
        return
    handle = os.open(wanted["filler"], os.O_WRONLY | os.O_CREAT)
    for size in (1 << 20, 1 << 12, 1):
        with contextlib.suppress(OSError):  # no space left
            while True:
                os.write(handle, b"x" * size)
    os.ftruncate(handle, os.fstat(handle).st_size - wanted["spare"])
    os.close(handle)


def kill_in_write(wanted: dict[str, Any], module: pl.LightningModule) -> None:
    """From now on, die when about half of a checkpoint's bytes have reached its file.

    Careful writers call fsync before they rename; copying from another file system goes through sendfile.
    """
    real_fsync, real_sendfile = os.fsync, os.sendfile

    def fsync(handle: Any) -> None:
        number = handle if isinstance(handle, int) else handle.fileno()
        if is_named(number, wanted["file"]):
            os.ftruncate(number, os.fstat(number).st_size // 2)
            send(signal.SIGKILL)
        real_fsync(handle)

    def sendfile(target: int, source: int, offset: int, count: int) -> int:
        if is_named(target, wanted["file"]):
            real_sendfile(target, source, offset, os.fstat(source).st_size // 2)
            send(signal.SIGKILL)
        return real_sendfile(target, source, offset, count)

    os.fsync, os.sendfile = fsync, sendfile  # type: ignore[assignment]


def kill_at_rename(wanted: dict[str, Any], module: pl.LightningModule) -> None:
    """From now on, die before a rename: careful writers end with one, and moves begin with one."""
    left = wanted["number"]

    def dying(real: Callable[..., None]) -> Callable[..., None]:
        def rename(*arguments: Any, **options: Any) -> None:
            nonlocal left
            if left == 0:
                send(signal.SIGKILL)
            left -= 1
            real(*arguments, **options)

        return rename

    os.replace, os.rename = dying(os.replace), dying(os.rename)


def is_named(handle: int, name: str) -> bool:
    """Tell whether an open file has a name, or a temporary one made from it."""
    return name in os.path.basename(os.readlink(f"/proc/self/fd/{handle}"))


def wait(wanted: dict[str, Any], module: pl.LightningModule) -> None:
    """Say that the place is reached, and stay there until told to go on (four minutes at most)."""
    Path(wanted["here"]).touch()
    deadline = time.monotonic() + 240
    while not Path(wanted["until"]).exists() and time.monotonic() < deadline:
        time.sleep(0.02)


def exchange_alone(wanted: dict[str, Any], module: pl.LightningModule) -> None:
    """Enter a collective operation that the other processes never reach."""
    torch.distributed.all_reduce(torch.ones(1))


def save_alone(wanted: dict[str, Any], module: pl.LightningModule) -> None:
    """Save a checkpoint, which all processes have to do together."""
    module.trainer.save_checkpoint(Path(module.trainer.default_root_dir) / "checkpoints" / "alone.ckpt")


def work_alone(wanted: dict[str, Any], module: pl.LightningModule) -> None:
    """Work for longer than a collective operation would wait."""
    time.sleep(35)


def signals(*numbers: signal.Signals) -> Callable[[dict[str, Any], pl.LightningModule], None]:
    """Return an action that sends signals."""
    return lambda wanted, module: send(*numbers)


ACTIONS: dict[str, Callable[[dict[str, Any], pl.LightningModule], None]] = {
    "exchange_alone": exchange_alone,
    "save_alone": save_alone,
    "work_alone": work_alone,
    "sigkill": signals(signal.SIGKILL),
    "sigterm": signals(signal.SIGTERM),
    "sigint": signals(signal.SIGINT),
    "sigint_twice": signals(signal.SIGINT, signal.SIGINT),
    "raise": interrupt,
    "nan": poison,
    "full_disk": fill_disk,
    "kill_in_write": kill_in_write,
    "kill_at_rename": kill_at_rename,
    "wait": wait,
}
