import os
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
        self.images: list[tuple[str, np.ndarray, int | None]] = []

    experiment = property(lambda self: self.run)

    def log_image(self, key: str, images: list, step: int | None = None, **kwargs: object) -> None:
        self.images += [(key, image, step) for image in images]


class FakeMLFlowLogger(MLFlowLogger):
    """The same for MLflow: its logger and its client in one."""

    def __init__(self) -> None:
        self.images: list[tuple[str, str, np.ndarray, int]] = []
        self.artifacts: list[tuple[str, str, str | None]] = []

    experiment = property(lambda self: self)
    run_id = property(lambda self: "abc")

    def log_image(self, run_id: str, image: np.ndarray, key: str, step: int) -> None:
        self.images.append((run_id, key, image, step))

    def log_artifact(self, run_id: str, local_path: str, artifact_path: str | None) -> None:
        self.artifacts.append((run_id, local_path, artifact_path))


PICTURE = np.arange(24, dtype=np.uint8).reshape(4, 6)


def test_pictures_arrive_with_name_and_step(tmp_path: Path) -> None:
    wandb, mlflow = FakeWandbLogger(), FakeMLFlowLogger()
    for logger in (wandb, mlflow, CSVLogger(tmp_path)):
        log_picture(logger, "samples", PICTURE, 7)
    ((name, picture, step),) = wandb.images
    assert (name, step) == ("samples", 7)
    assert np.array_equal(picture, PICTURE)
    ((run, name, picture, step),) = mlflow.images
    assert (run, name, step) == ("abc", "samples", 7)
    assert np.array_equal(picture, PICTURE)
    assert list(tmp_path.iterdir()) == []


def ended_run(folder: Path, *loggers: object, is_global_zero: bool = True) -> SimpleNamespace:
    for name in ("config.yaml", LAST):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()
    return SimpleNamespace(is_global_zero=is_global_zero, default_root_dir=str(folder), loggers=loggers)


@pytest.mark.parametrize("was_stopped", [False, True])
def test_files_arrive_once_a_run_ends(tmp_path: Path, was_stopped: bool) -> None:
    wandb, mlflow = FakeWandbLogger(), FakeMLFlowLogger()
    trainer = ended_run(tmp_path, wandb, mlflow)
    if was_stopped:
        TrackedFiles().on_exception(trainer, None, KeyboardInterrupt())
    else:
        TrackedFiles().teardown(trainer, None, "fit")
    assert wandb.run.saved == [(name, str(tmp_path), "now") for name in ("config.yaml", LAST)]
    assert mlflow.artifacts == [
        ("abc", str(tmp_path / "config.yaml"), None),
        ("abc", str(tmp_path / LAST), "samples"),
    ]


def test_a_tracker_that_fails_loses_no_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    class Unreachable(FakeMLFlowLogger):
        def log_artifact(self, run_id: str, local_path: str, artifact_path: str | None) -> None:
            raise ConnectionError("no\n  route")

    wandb = FakeWandbLogger()
    TrackedFiles().teardown(ended_run(tmp_path, Unreachable(), wandb), None, "fit")
    assert "Unreachable did not take the run's files: no route" in caplog.text
    assert len(wandb.run.saved) == 2


def test_one_process_hands_over_and_closes(tmp_path: Path) -> None:
    logger = FakeWandbLogger()
    other = ended_run(tmp_path, logger, is_global_zero=False)
    TrackedFiles().teardown(other, None, "fit")
    close_trackers(other)
    assert (logger.run.saved, logger.run.finished) == ([], 0)
    close_trackers(ended_run(tmp_path, logger))
    assert logger.run.finished == 1


def test_files_are_there_when_they_are_handed_over(tmp_path: Path) -> None:
    """In Lightning's own order of hooks: film, last curves and last grid."""
    found: list[set[str]] = []

    class Looking(TrackedFiles):
        def _keep(self, trainer) -> None:
            found.append({path.relative_to(tmp_path).as_posix() for path in final_files(tmp_path)})

    grid = SampleGrid(every_n_iterations=3, rows=1, columns=2, scale=1)
    train(tmp_path, [grid, History(), Film(), Looking()])
    assert found == [
        {"fashion_mnist_dcgan.gif", "history/history.csv", "history/train_history_0001.png", LAST}
    ]
