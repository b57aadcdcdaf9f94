import csv
from pathlib import Path

import pytest
import pytorch_lightning as pl
import torch
from callback_training import ITERATIONS, StopAt, train
from pytorch_lightning.callbacks import Callback

from dcgan_lightning.callbacks import Checkpoints, History
from dcgan_lightning.core.errors import DivergedError
from dcgan_lightning.systems import DCGAN, METRIC_NAMES


class Recorder(Callback):
    def __init__(self) -> None:
        self.figures: list[list[float]] = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        self.figures.append([outputs[name].item() for name in METRIC_NAMES])


class FixedClock(History):
    """A history whose seconds are all 0, so that two runs write the same bytes."""

    def _collect(self) -> None:
        self._counters = [(epoch, iteration, 0.0) for epoch, iteration, _ in self._counters]
        super()._collect()


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "history" / "history.csv") as file:
        return list(csv.DictReader(file))


def test_every_iteration_is_a_row(tmp_path: Path) -> None:
    recorder = Recorder()
    train(tmp_path, [recorder, History()], epochs=2)
    table = rows(tmp_path)
    assert list(table[0]) == ["epoch", "iteration", "seconds", *METRIC_NAMES]
    positions = [(int(row["epoch"]), int(row["iteration"])) for row in table]
    assert positions == [(epoch, iteration) for epoch in (1, 2) for iteration in range(1, ITERATIONS + 1)]
    # Nine digits bring back every float32 exactly.
    figures = torch.tensor([[float(row[name]) for name in METRIC_NAMES] for row in table])
    assert torch.equal(figures, torch.tensor(recorder.figures))
    seconds = [float(row["seconds"]) for row in table]
    assert seconds == sorted(seconds)
    assert seconds[0] > 0


def test_curves_after_each_epoch(tmp_path: Path) -> None:
    train(tmp_path, [History()], epochs=3)
    names = sorted(path.name for path in (tmp_path / "history").iterdir())
    assert names == ["figures.json", "history.csv", *(f"train_history_000{epoch}.png" for epoch in (1, 2, 3))]


def test_curves_every_few_epochs_and_at_the_end(tmp_path: Path) -> None:
    train(tmp_path, [History(plot_every_n_epochs=2)], epochs=3)
    assert {path.name for path in (tmp_path / "history").glob("*.png")} == {
        "train_history_0002.png",
        "train_history_0003.png",
    }


def test_a_stopped_run_keeps_its_rows(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stopped by the test"):
        train(tmp_path, [History(), StopAt(epoch=2, iteration=3)], epochs=2)
    assert len(rows(tmp_path)) == ITERATIONS + 3
    assert (tmp_path / "history" / "train_history_0002.png").exists()


def test_rows_travel_in_the_checkpoint_as_plain_tensors() -> None:
    history = History()
    system = DCGAN(generator_channels=(1, 1, 1), discriminator_channels=(1, 1))
    history.setup(pl.Trainer(logger=False), system, "fit")
    history.load_state_dict({"rows": torch.arange(14, dtype=torch.float64).view(2, 7)})
    assert history.column("gen_loss").tolist() == [3, 10]
    assert torch.equal(history.state_dict()["rows"], torch.arange(14, dtype=torch.float64).view(2, 7))


def test_a_figure_that_is_not_finite_ends_the_epoch(tmp_path: Path) -> None:
    class Poison(Callback):
        def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
            if (trainer.current_epoch, batch_idx) == (1, 2):
                outputs["disc_loss"] = torch.tensor(float("inf"))

    with pytest.raises(DivergedError, match="disc_loss became inf at epoch 2, iteration 3"):
        train(tmp_path, [Poison(), History()], epochs=3)
    assert len(rows(tmp_path)) == 2 * ITERATIONS


def test_curves_drawn_in_the_background_are_the_same(tmp_path: Path) -> None:
    folders = [tmp_path / "here", tmp_path / "beside"]
    for folder, background in zip(folders, (None, True), strict=True):
        train(folder, [FixedClock(background=background)], epochs=3)
    here, beside = (
        {path.name: path.read_bytes() for path in (folder / "history").iterdir()} for folder in folders
    )
    assert len(here) == 5
    assert beside == here


def test_a_stopped_run_waits_for_the_background(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stopped by the test"):
        train(tmp_path, [History(background=True), StopAt(epoch=2, iteration=3)], epochs=2)
    assert {path.name for path in (tmp_path / "history").glob("*")} == {
        "figures.json",
        "history.csv",
        "train_history_0001.png",
        "train_history_0002.png",
    }


def test_curves_that_a_kill_left_undrawn_are_drawn_when_the_run_goes_on(tmp_path: Path) -> None:
    train(tmp_path, [History(), Checkpoints()], epochs=2)
    undrawn = tmp_path / "history" / "train_history_0002.png"
    before = undrawn.read_bytes()
    undrawn.unlink()
    train(tmp_path, [History(), Checkpoints()], epochs=3, ckpt_path=tmp_path / "checkpoints" / "last.ckpt")
    assert undrawn.read_bytes() == before
