"""The training as a film."""

from pathlib import Path
from typing import Any

import numpy as np
import pytorch_lightning as pl
from pytorch_lightning.callbacks import Callback

from dcgan_lightning.config.checks import whole
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.optional import OptionalSteps
from dcgan_lightning.pictures import (
    add_captions,
    decode_png,
    encode_gif,
    is_film_frame,
    on_one_canvas,
    title_of,
)
from dcgan_lightning.runs.forms import Form, both, each, fields, leaf, nothing_or
from dcgan_lightning.runs.positions import Position
from dcgan_lightning.systems import System


class Film(Callback):
    """Make a GIF of the sample grids when training ends or is stopped.

    The frames are chosen while they are drawn and travel in the checkpoint, so the film of a resumed run has
    no gap and no doubled frame, whatever lies in the samples folder. They are chosen as the notebook does:
    densely at first, then ever more rarely, and the last grid once more. Each is captioned with its epoch.

    Args:
        file_name: Name of the film in the run folder.
        frame_ms: How long each frame is shown, in milliseconds.

    Source:
        The last cell of the notebook.
    """

    def __init__(self, file_name: str = "fashion_mnist_dcgan.gif", frame_ms: int = 200) -> None:
        self.file_name = file_name
        self.frame_ms = frame_ms
        self._frames: list[bytes] = []
        self._last: bytes | None = None
        self._count = 0  # grids seen, shown or not
        self._optional = OptionalSteps()

    def form(self, system: System, position: Position) -> Form:
        """Return the form of this callback's state in a checkpoint of a position."""
        count = leaf(whole(0, position.total))  # at most one grid an iteration
        return both(
            fields({"frames": each(list, _png), "last": nothing_or(_png), "count": count}), _frames_problem
        )

    def on_sample_grid(self, png: bytes) -> None:
        """Keep a grid if the film shows it."""
        if is_film_frame(self._count):
            self._frames.append(png)
        self._last = png
        self._count += 1

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Write the film; also when a finished run is started again."""
        self._write(trainer)

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Write the film so far."""
        self._write(trainer)

    def state_dict(self) -> dict[str, Any]:
        """Return the frames as PNG bytes."""
        return {"frames": list(self._frames), "last": self._last, "count": self._count}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the frames of a checkpoint."""
        self._frames = list(state_dict["frames"])
        self._last = state_dict["last"]
        self._count = state_dict["count"]

    def _write(self, trainer: pl.Trainer) -> None:
        if self._last is None or not trainer.is_global_zero:
            return
        with self._optional("the film was not written"):
            # A GIF holds a repeated picture once, for twice the time.
            grids = [*self._frames, self._last]
            # A resumed run may have grids of another size.
            frames = on_one_canvas([decode_png(png) for png in grids])
            frames = add_captions(frames, [title_of(png) for png in grids])
            write_atomic(Path(trainer.default_root_dir) / self.file_name, encode_gif(frames, self.frame_ms))


def _frames_problem(state: dict[str, Any]) -> str | None:
    count = sum(map(is_film_frame, range(state["count"])))
    found = len(state["frames"])
    return None if found == count else f"has {found} frames, but {state['count']} grids leave {count}"


def _png(value: Any, name: str) -> str | None:
    """Form of a picture: a PNG file's bytes, grey or in colour."""
    try:
        picture = decode_png(value) if isinstance(value, bytes) else np.empty(0)
        is_picture = picture.dtype == np.uint8 and (picture.ndim == 2 or picture.shape[2:] == (3,))
    except Exception:  # what the decoder raises on foreign bytes is not a closed list
        is_picture = False
    return None if is_picture else f"{name} must be a PNG picture"
