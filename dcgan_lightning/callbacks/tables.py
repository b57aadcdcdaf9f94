"""Tables of numbers as CSV files."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from dcgan_lightning.core.files import write_atomic

FIGURE = "%.9g"  # nine digits distinguish all float32 numbers


def write_table(path: Path, columns: Sequence[str], formats: Sequence[str], rows: Tensor) -> None:
    """Write a table with a line of names (see `write_atomic` for the errors).

    Args:
        path: The file.
        columns: Their names.
        formats: How each column's numbers are written, as `FIGURE`.
        rows: (rows, columns).
    """
    text = io.StringIO()
    np.savetxt(text, rows.numpy(), fmt=[*formats], delimiter=",", header=",".join(columns), comments="")
    write_atomic(path, text.getvalue().encode())
