"""How Lightning writes and reads checkpoints: atomically, and without running code."""

import io
import re
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning.plugins.io import CheckpointIO

from dcgan_lightning.core.errors import DivergedError
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.runs.checkpoints import first_not_finite, read_checkpoint
from dcgan_lightning.runs.folder import is_inside_run
from dcgan_lightning.systems import System

_OWN_NAME = re.compile(r"(last|best|epoch_\d+)\.ckpt")  # what the project writes, and never removes


class AtomicCheckpointIO(CheckpointIO):
    """Write checkpoints whole or not at all, and read none that is damaged or could run code.

    The first two of the following are kept in each checkpoint.

    Args:
        fingerprint: Settings that a resumed run must share (see `training.fingerprint`).
        environment: What the run's bits depend on besides: PyTorch's version, the device, the threads.
        folder: The run's folder; without it no checkpoint is ever removed.
        remedy: What to try when a weight is not finite any more (see `System`).
    """

    def __init__(
        self,
        fingerprint: dict[str, Any] | None = None,
        environment: dict[str, Any] | None = None,
        folder: Path | None = None,
        remedy: str = System.remedy,
    ) -> None:
        self.folder = folder
        self.remedy = remedy
        self.fingerprint = fingerprint or {}
        self.environment = environment or {}

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any | None = None
    ) -> None:
        """Write a checkpoint atomically (see `write_atomic` for its errors).

        Raises:
            DivergedError: A weight is not finite; the previous checkpoint stays.
        """
        if name := first_not_finite(checkpoint):
            raise DivergedError(f"{name} is not finite, so {path} is not written; {self.remedy}")
        buffer = io.BytesIO()
        own = {"fingerprint": self.fingerprint, "environment": self.environment}
        torch.save(checkpoint | own, buffer)
        write_atomic(path, buffer.getbuffer())

    def load_checkpoint(
        self, path: str | Path, map_location: Any | None = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read and check a checkpoint (see `read_checkpoint` for the errors)."""
        return read_checkpoint(Path(path))

    def remove_checkpoint(self, path: str | Path) -> None:
        """Remove a checkpoint that one of Lightning's callbacks made in the run's folder, and nothing else.

        Such callbacks take the path from the checkpoint that was loaded, which may name anything.
        """
        path = Path(path)
        is_inside = self.folder is not None and is_inside_run(path, self.folder)
        is_file = path.suffix == ".ckpt" and path.is_file() and not path.is_symlink()
        if is_inside and is_file and not _OWN_NAME.fullmatch(path.name):
            path.unlink()
