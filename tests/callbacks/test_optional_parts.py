"""Whatever a callback or a logger cannot do but save, the training continues and saves."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import pytorch_lightning as pl
import torch
from callback_training import StopAt, make_trainer
from conftest import Compose
from pytorch_lightning.loggers import CSVLogger, Logger, TensorBoardLogger

from dcgan_lightning import train
from dcgan_lightning.callbacks import (
    AveragedGenerator,
    Checkpoints,
    Collapse,
    Film,
    History,
    Progress,
    SampleGrid,
    Scores,
    TrackedFiles,
    film,
    history,
    sample_grid,
    scores,
    tables,
)
from dcgan_lightning.callbacks.tracking import start_loggers
from dcgan_lightning.core import background
from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.data import SyntheticDataModule
from dcgan_lightning.runs.checkpoints import read_checkpoint
from dcgan_lightning.systems import DCGAN

EPOCHS = 3


def fail(*args: Any, **kwargs: Any) -> Any:
    raise OSError("broken\nby the test")


def everything(beside: bool = False) -> list[pl.Callback]:
    callbacks = [AveragedGenerator(), SampleGrid(every_n_iterations=2, rows=1, columns=2)]
    callbacks += [History(background=beside), Scores(count=130), Collapse(least_variety=0), Checkpoints()]
    return [*callbacks, Film(), Progress(), TrackedFiles()]


def run(folder: Path, callbacks: list[pl.Callback], loggers: list[Logger] | None = None) -> None:
    system = DCGAN(batch_size=34, latent_dim=6, generator_channels=(8, 6, 4), discriminator_channels=(4, 6))
    data = SyntheticDataModule(34, count=136)
    data.setup()
    trainer = make_trainer(folder, callbacks, EPOCHS, loggers or False)
    start_loggers(trainer)
    trainer.fit(system, datamodule=data)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The last checkpoint of a run without faults."""
    folder = tmp_path_factory.mktemp("undisturbed")
    run(folder, everything())
    return last(folder)


def last(folder: Path) -> dict[str, Any]:
    return read_checkpoint(folder / "checkpoints" / "last.ckpt")


def check(folder: Path, undisturbed: dict[str, Any]) -> None:
    """The run came to its end and saved the weights that it has without faults."""
    found = last(folder)
    assert found["epoch"] == undisturbed["epoch"] == EPOCHS - 1
    for name, value in undisturbed["state_dict"].items():
        assert torch.equal(found["state_dict"][name], value), name


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the project warned of; the first lines of a young run's collapse are none of its failures."""
    lines = [r.getMessage() for r in caplog.records if r.name == "dcgan_lightning.core.optional"]
    assert all("broken by the test" in line for line in lines)
    return [line.partition(":")[0] for line in lines]


FAULTS = {
    "files": (
        [(module, "write_atomic") for module in (film, history, sample_grid, scores, tables)],
        [
            "a sample grid was not written",
            "figures.json was not written",
            "history.csv was not written",
            "real.png was not written",
            "scores.csv was not written",
            "scores.png was not written",
            "the curves were not drawn",
            "the film was not written",
            "untrained.png was not written",
        ],
    ),
    "drawings": (
        [(history, "draw_curves"), (scores, "draw_scores"), (sample_grid, "make_grid"), (film, "encode_gif")],
        [
            "a sample grid was not drawn",
            "real.png was not written",
            "scores.png was not written",
            "the curves were not drawn",
            "untrained.png was not written",
        ],
    ),
    "film": ([(film, "decode_png")], ["the film was not written"]),
    "film's choice": ([(film, "is_film_frame")], ["Film did not take a sample grid"]),
    "generator": ([(SampleGrid, "draw")], ["a sample grid was not drawn", "untrained.png was not written"]),
    "scores": ([(scores, "score_images")], ["an epoch was not scored"]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_no_picture_table_or_score_ends_a_training(
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    undisturbed: dict[str, Any],
) -> None:
    places, lines = FAULTS[name]
    for owner, attribute in places:
        monkeypatch.setattr(owner, attribute, fail)
    run(tmp_path, everything())
    check(tmp_path, undisturbed)
    assert sorted(warnings(caplog)) == lines


def test_a_film_loses_no_frame_with_a_grids_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: dict[str, Any]
) -> None:
    monkeypatch.setattr(sample_grid, "write_atomic", fail)
    run(tmp_path, everything())
    assert last(tmp_path)["callbacks"]["Film"] == undisturbed["callbacks"]["Film"]


def test_a_drawing_beside_the_training_does_not_end_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, undisturbed: dict[str, Any]
) -> None:
    (tmp_path / "history").touch()  # where a folder should be
    run(tmp_path, everything(beside=True))
    check(tmp_path, undisturbed)
    lines = [
        record.getMessage() for record in caplog.records if record.name == "dcgan_lightning.core.optional"
    ]
    assert sum("the curves were not drawn" in line for line in lines) == 1
    assert sum("history.csv was not written" in line for line in lines) == 1


def test_a_drawing_that_failed_leaves_the_next_one_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait, calls = background.Background.wait, []

    def wait_badly(self: background.Background) -> None:
        wait(self)
        calls.append(self)
        if len(calls) == 1:
            fail()

    monkeypatch.setattr(background.Background, "wait", wait_badly)
    run(tmp_path, [History(background=True)])
    assert len([*(tmp_path / "history").glob("train_history_*.png")]) == EPOCHS


def test_what_fails_at_an_early_end_hides_nothing_and_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tables, "write_atomic", fail)
    callbacks = [History(), SampleGrid(rows=1, columns=1), Film(), StopAt(1, 2)]
    with pytest.raises(RuntimeError, match="stopped by the test"):
        run(tmp_path, callbacks)
    assert (tmp_path / "fashion_mnist_dcgan.gif").exists()  # written after the table


def test_a_checkpoint_that_cannot_be_written_ends_it(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").touch()
    with pytest.raises(RunFolderError, match=r"cannot write .*last\.ckpt"):
        run(tmp_path, everything())


METHODS = ("log_metrics", "log_hyperparams", "log_graph", "save", "finalize", "after_save_checkpoint")


def broken(kind: type[Logger], *methods: str) -> Callable[[Path], Logger]:
    broken_class = type(f"Broken{kind.__name__}", (kind,), dict.fromkeys(methods, fail))
    return lambda folder: broken_class(str(folder), name="logs")


@pytest.mark.parametrize("kind", [CSVLogger, TensorBoardLogger])
def test_no_logger_ends_a_training(
    kind: type[Logger], tmp_path: Path, caplog: pytest.LogCaptureFixture, undisturbed: dict[str, Any]
) -> None:
    good = CSVLogger(str(tmp_path), name="good")
    run(tmp_path, everything(), [broken(kind, *METHODS)(tmp_path), good])
    check(tmp_path, undisturbed)
    lines = warnings(caplog)
    assert f"Broken{kind.__name__}.log_metrics failed" in lines
    assert f"Broken{kind.__name__}.finalize failed" in lines
    assert len(lines) == len({*lines})
    assert (tmp_path / "good" / "version_0" / "metrics.csv").read_text().count("\n") > EPOCHS


def test_a_logger_that_cannot_start_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, undisturbed: dict[str, Any]
) -> None:
    logger = broken(CSVLogger)(tmp_path)
    type(logger).experiment = property(fail)  # type: ignore[attr-defined]
    good = CSVLogger(str(tmp_path), name="good")
    run(tmp_path, everything(), [logger, good])
    check(tmp_path, undisturbed)
    assert warnings(caplog) == ["BrokenCSVLogger did not start and is left out"]
    assert (tmp_path / "good" / "version_0" / "metrics.csv").exists()


def test_a_tracker_that_takes_no_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sample_grid, "log_picture", fail)
    loggers = [CSVLogger(str(tmp_path), name="a"), TensorBoardLogger(str(tmp_path), name="b")]
    run(tmp_path, [SampleGrid(rows=1, columns=1), Checkpoints()], loggers)
    assert warnings(caplog) == [f"{type(logger).__name__} did not take a picture" for logger in loggers]


def test_a_whole_run_with_all_of_it_broken(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for owner, attribute in (place for places, _ in FAULTS.values() for place in places):
        monkeypatch.setattr(owner, attribute, fail)
    for method in METHODS:
        monkeypatch.setattr(CSVLogger, method, fail)
    monkeypatch.setattr("dcgan_lightning.reports.write_report", fail)
    result = train.train(compose_cfg("experiment=smoke", "logger=csv", "callbacks.progress=null"))
    assert result.epochs == last(tmp_path / "run")["epoch"] + 1
    assert "could not write the report: broken by the test" in caplog.text
