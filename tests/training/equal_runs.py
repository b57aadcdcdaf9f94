"""Whether two runs are the same to the last bit."""

from pathlib import Path

import numpy as np
import torch
from conftest import files_below
from torch.testing import assert_close


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Return all files whose bytes must be equal: not the clock's, nor zip files that hold the clock's.

    The report shows the settings and the clock's seconds and dates; all its pictures are compared as files.
    """
    names = files_below(folder) - {"config.yaml", "history/history.csv", "report.html"}
    return {name: (folder / name).read_bytes() for name in names if not name.endswith(".ckpt")}


def history(folder: Path) -> np.ndarray:
    table = np.loadtxt(folder / "history" / "history.csv", delimiter=",", skiprows=1)
    return np.delete(table, 2, axis=1)  # without the seconds


def assert_same_run(folder: Path, other: Path) -> None:
    """Compare figures, networks, optimizers and files; a failure shows what differs and by how much."""
    np.testing.assert_array_equal(history(folder), history(other))
    first, second = (
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True) for run in (folder, other)
    )
    for name, value in first["state_dict"].items():
        _assert_equal(second["state_dict"][name], value, name)
    for number, (adam, other_adam) in enumerate(
        zip(first["optimizer_states"], second["optimizer_states"], strict=True)
    ):
        for index, state in adam["state"].items():
            for name, value in state.items():
                _assert_equal(other_adam["state"][index][name], value, f"optimizer {number}, {index}, {name}")
    files, other_files = bytes_of(folder), bytes_of(other)
    assert files.keys() == other_files.keys(), files.keys() ^ other_files.keys()
    different = [name for name, content in files.items() if other_files[name] != content]
    assert not different, different


def _assert_equal(found: torch.Tensor, expected: torch.Tensor, name: str) -> None:
    assert_close(found, expected, rtol=0, atol=0, equal_nan=True, msg=lambda message: f"{name}: {message}")
