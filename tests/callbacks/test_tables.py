from pathlib import Path

import pytest
import torch

from dcgan_lightning.callbacks.tables import FIGURE, write_table
from dcgan_lightning.core.errors import RunFolderError


def test_figures_keep_all_their_digits(tmp_path: Path) -> None:
    figure = torch.tensor(1 / 3, dtype=torch.float32)
    rows = torch.stack([torch.tensor([1.0, 0.5, figure]), torch.tensor([2.0, 1.25, float("nan")])]).double()
    write_table(tmp_path / "new" / "table.csv", ("epoch", "seconds", "loss"), ("%d", "%.3f", FIGURE), rows)
    text = (tmp_path / "new" / "table.csv").read_text()
    assert text == "epoch,seconds,loss\n1,0.500,0.333333343\n2,1.250,nan\n"
    assert torch.tensor(float(text.split(",")[4].split("\n")[0])) == figure


def test_a_table_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunFolderError, match=r"cannot write .*table\.csv"):
        write_table(tmp_path / "file" / "table.csv", ("a",), ("%d",), torch.zeros(1, 1))
