"""Real loggers, offline: what lies in the run's folder afterwards, and nothing outside of it."""

import os
import sqlite3
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from callback_training import train
from pytorch_lightning.loggers import CSVLogger, MLFlowLogger, WandbLogger

from dcgan_lightning.callbacks import Film, History, SampleGrid, TrackedFiles, tracking
from dcgan_lightning.callbacks.tracking import (
    close_trackers,
    final_files,
    keep_trackers_at_home,
    log_picture,
    names_in_trackers,
)
from dcgan_lightning.pictures import decode_png

LAST = "samples/sample_epoch_0001_iter_005.png"


def test_names_in_trackers(tmp_path: Path) -> None:
    folder = tmp_path / "sweep" / "3"
    assert names_in_trackers("x.loggers.WandbLogger", folder, is_sweep=True) == {
        "name": "sweep/3",
        "group": "sweep",
    }
    assert names_in_trackers("x.loggers.WandbLogger", folder, is_sweep=False) == {"name": "3", "group": None}
    assert names_in_trackers("x.loggers.MLFlowLogger", folder, is_sweep=True) == {
        "run_name": "sweep/3",
        "experiment_name": "sweep",
        "tags": {"sweep": "sweep"},
    }
    assert names_in_trackers("x.loggers.CSVLogger", folder, is_sweep=True) == {}


def test_trackers_stay_at_home_unless_the_user_chose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_CONFIG_DIR", "WANDB_ARTIFACT_DIR"):
        monkeypatch.setenv(name, "/chosen")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "")
    monkeypatch.setattr(tracking, "_CHOSEN", frozenset({"WANDB_CACHE_DIR"}))
    keep_trackers_at_home(tmp_path)
    assert os.environ["WANDB_CACHE_DIR"] == "/chosen"
    assert os.environ["WANDB_DATA_DIR"] == str(tmp_path / "logs" / "wandb")
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"


def test_the_last_of_each_series_is_kept(tmp_path: Path) -> None:
    names = ["config.yaml", "film.gif", "history/history.csv", "samples/real.png"]
    names += [f"history/train_history_000{epoch}.png" for epoch in (1, 2)]
    names += [f"samples/sample_epoch_000{epoch}_iter_001.png" for epoch in (1, 2)]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in final_files(tmp_path)] == [
        "config.yaml",
        "film.gif",
        "history/history.csv",
        "history/train_history_0002.png",
        "samples/sample_epoch_0002_iter_001.png",
    ]


def test_a_logger_without_pictures_is_left_alone(tmp_path: Path) -> None:
    log_picture(CSVLogger(tmp_path), "samples", np.zeros((2, 2), np.uint8), 1)
    assert list(tmp_path.iterdir()) == []


def track(folder: Path, logger: object) -> None:
    grid = SampleGrid(every_n_iterations=3, rows=1, columns=2, scale=1)
    trainer, _ = train(folder, [grid, History(), Film(), TrackedFiles()], logger=logger)
    close_trackers(trainer)


def test_mlflow_has_figures_grids_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    store = tmp_path / "logs" / "mlflow"
    logger = MLFlowLogger(
        tracking_uri=f"sqlite:///{store / 'mlflow.db'}", artifact_location=f"file:{store / 'artifacts'}",
        **names_in_trackers("MLFlowLogger", tmp_path, is_sweep=True),
    )  # fmt: skip
    track(tmp_path, logger)
    with sqlite3.connect(store / "mlflow.db") as database:
        assert database.execute("select name, status from runs").fetchall() == [
            (f"{tmp_path.parent.name}/{tmp_path.name}", "FINISHED")
        ]
        assert (tmp_path.parent.name,) in database.execute("select name from experiments").fetchall()
        assert database.execute("select value from params where key = 'latent_dim'").fetchall() == [("6",)]
        assert database.execute("select count(*) from metrics where key = 'gen_loss'").fetchone() == (5,)
        assert database.execute("select value from tags where key = 'sweep'").fetchall() == [
            (tmp_path.parent.name,)
        ]
    (artifacts,) = store.glob("artifacts/*/artifacts")
    assert (artifacts / LAST).read_bytes() == (tmp_path / LAST).read_bytes()
    assert (artifacts / "history" / "history.csv").read_text().count("\n") == 6
    assert (artifacts / "fashion_mnist_dcgan.gif").exists()
    steps = sorted(path.name.split("+")[2] for path in (artifacts / "images").glob("samples+step+*.png"))
    assert steps == ["1", "4", "5"]
    (last,) = (artifacts / "images").glob("samples+step+5+*.png")
    assert np.array_equal(decode_png(last.read_bytes()), decode_png((tmp_path / LAST).read_bytes()))


class FakeRun:
    """Takes what Weights & Biases would, which is too large to install for tests."""

    def __init__(self) -> None:
        self.saved: list[tuple[str, str, str]] = []
        self.finished = 0

    def save(self, path: str, base_path: str, policy: str) -> None:
        self.saved.append((Path(path).relative_to(base_path).as_posix(), base_path, policy))

    def finish(self) -> None:
        self.finished += 1


class FakeWandbLogger(WandbLogger):
    def __init__(self) -> None:
        self.run = FakeRun()
        self.images: list[tuple[str, tuple[int, ...], int]] = []

    experiment = property(lambda self: self.run)

    def log_image(self, key: str, images: list, step: int | None = None, **kwargs: object) -> None:
        self.images += [(key, image.shape, step) for image in images]


def test_weights_and_biases_gets_grids_and_files_and_is_closed(tmp_path: Path) -> None:
    logger = FakeWandbLogger()
    log_picture(logger, "samples", np.zeros((4, 6), np.uint8), 7)
    assert logger.images == [("samples", (4, 6), 7)]
    (tmp_path / "samples").mkdir()
    (tmp_path / LAST).touch()
    (tmp_path / "config.yaml").touch()
    trainer = SimpleNamespace(is_global_zero=True, default_root_dir=str(tmp_path), loggers=[logger])
    for keep in (
        lambda: TrackedFiles().teardown(trainer, None, "fit"),
        lambda: TrackedFiles().on_exception(trainer, None, KeyboardInterrupt()),
    ):
        logger.run.saved.clear()
        keep()
        assert logger.run.saved == [(name, str(tmp_path), "now") for name in ("config.yaml", LAST)]
    close_trackers(trainer)
    assert logger.run.finished == 1
    trainer.is_global_zero = False
    logger.run.saved.clear()
    TrackedFiles().teardown(trainer, None, "fit")
    assert logger.run.saved == []
