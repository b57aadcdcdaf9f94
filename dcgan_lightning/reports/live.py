"""How a training stands that has not ended yet, for the page that is written while it goes on."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dcgan_lightning.core.standing import Standing

State = Literal["ended", "running", "interrupted"]
"""Of a training; "interrupted": its process was killed, and nobody has gone on with it."""


@dataclass(frozen=True)
class Live(Standing):
    """A training that goes on.

    Attributes:
        warnings: What is wrong with the training, a sentence each.
        history: Columns of the iterations so far, those of the unfinished epoch too, each (iterations,).
        written: When the page was written.
        again: Seconds until it is written again, about.
    """

    warnings: tuple[str, ...]
    history: Mapping[str, NDArray[np.float64]]
    written: datetime
    again: float
