import json
from pathlib import Path

import numpy as np
import pytest
from made_runs import HEADER, make_run, make_sweep

from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.core.locks import locked
from dcgan_lightning.runs.jobs import JobRecord, read_records, write_record
from dcgan_lightning.runs.run import is_sweep, read_run, read_runs


def test_what_a_run_shows(tmp_path: Path) -> None:
    run = read_run(make_run(tmp_path / "first", seed=3, level=1.0, score=4.5))
    assert (run.name, run.status, run.epochs, run.seconds) == ("first", "finished", 2, 6.0)
    assert run.finals == pytest.approx(
        {"gen_loss": 1.0, "disc_loss": 2.0, "real_accuracy": 0.5, "fake_accuracy": 0.75}
    )
    assert run.scores == {"frechet_distance": 4.5, "recall": 0.5, "images": 10_000}
    assert run.grid == tmp_path / "first" / "samples" / "sample_epoch_0002_iter_002.png"
    # neither paths and names nor what follows the seed and the batch size
    assert run.settings == {
        "seed": 3,
        "data._target_": "dcgan_lightning.data.SyntheticDataModule",
        "data.batch_size": 4,
        "data.count": 7,
        "model._target_": "dcgan_lightning.systems.DCGAN",
        "model.generator_lr": 1e-4,
        "trainer.max_epochs": 2,
    }


def test_a_seed_that_does_not_follow_is_a_setting(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", seed=3)
    text = (folder / "config.yaml").read_text()
    (folder / "config.yaml").write_text(text.replace("count: 7\n  seed: 3", "count: 7\n  seed: 5"))
    assert read_run(folder).settings["data.seed"] == 5


@pytest.mark.parametrize("verify", [True, False])
def test_where_the_images_are_makes_another_run_only_if_they_are_not_known(
    tmp_path: Path, verify: bool
) -> None:
    folder = make_run(tmp_path / "run")
    text = (folder / "config.yaml").read_text()
    data = f"data:\n  root: elsewhere\n  cache_dir: /x\n  verify: {str(verify).lower()}\n"
    (folder / "config.yaml").write_text(text.replace("data:\n", data) + "report: false\n")
    settings = read_run(folder).settings
    assert settings.get("data.root") == (None if verify else "elsewhere")
    assert "data.cache_dir" not in settings
    assert "report" not in settings


def test_what_makes_no_other_run_is_no_setting_of_a_failed_job_either(tmp_path: Path) -> None:
    record = JobRecord("0", ("seed=-1", "report=false", "threads=1"), epochs=2, status="failed")
    assert read_run(tmp_path / "0", record=record).settings == {"seed": -1}


@pytest.mark.parametrize(("last", "epochs"), [("2,1,5,1,1,1,1", 1), ("2,2,5,1,1,1,1", 2)])
def test_an_epoch_counts_when_it_is_whole(tmp_path: Path, last: str, epochs: int) -> None:
    folder = make_run(tmp_path / "run", trained=1, epochs=3)
    with open(folder / "history" / "history.csv", "a") as file:
        file.write(f"{last}\n")
    run = read_run(folder)
    assert (run.status, run.epochs) == ("stopped", epochs)
    assert run.finals["gen_loss"] == 1.0


@pytest.mark.parametrize("trained", [1, 2])
def test_two_domains_are_fewer_images_than_their_data_set(tmp_path: Path, trained: int) -> None:
    folder = make_run(tmp_path / "run", trained=trained, epochs=trained)
    text = (folder / "config.yaml").read_text()
    domains = "  verify: true\n  domains: [sneaker, ankle_boot]"
    (folder / "config.yaml").write_text(text.replace("  count: 7", domains))
    run = read_run(folder)
    assert (run.status, run.epochs) == ("finished", trained)


@pytest.mark.parametrize(("count", "status"), [(8, "finished"), (9, "finished"), (10, "stopped")])
def test_a_single_image_left_over_is_no_iteration(tmp_path: Path, count: int, status: str) -> None:
    """The run's one epoch has two iterations of four images."""
    folder = make_run(tmp_path / "run", epochs=1)
    config = folder / "config.yaml"
    config.write_text(config.read_text().replace("  count: 7", f"  count: {count}"))
    assert read_run(folder).status == status


def test_the_last_grid_is_the_last_by_number(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    for name in ("sample_epoch_0002_iter_1001.png", "sample_epoch_0001_iter_2000.png", "untrained.png"):
        (folder / "samples" / name).touch()
    grid = read_run(folder).grid
    assert grid is not None
    assert grid.name == "sample_epoch_0002_iter_1001.png"


def test_scores_made_in_training(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    (folder / "history" / "scores.csv").write_text("epoch,frechet_distance\n1,9.5\n2,\n2,7.25\n")
    history = read_run(folder).score_history
    assert {name: column.tolist() for name, column in history.items()} == {
        "epoch": [1, 2],
        "frechet_distance": [9.5, 7.25],
    }
    (folder / "history" / "scores.csv").unlink()
    (folder / "history" / "history.csv").write_text(
        f"{HEADER},frechet_distance\n1,1,1,1,1,1,1,\n1,2,1,1,1,1,1,8\n"
    )
    assert read_run(folder).score_history["frechet_distance"].tolist() == [8]


def test_the_report_on_the_longest_training_counts(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", score=4.0)
    for name, epochs, features, score in (
        ("epoch_0001", 1, "classifier", 1.0),
        ("last", 3, "classifier", 2.0),
        ("last_averaged", 3, "classifier", 3.0),
        ("last_pixels", 3, "pixels", 5.0),
    ):
        report = {
            "features": {"name": features, "size": 128},
            "epochs": epochs,
            "iterations": 0,
            "count": 500,
            "mean": {"frechet_distance": score, "class_histogram": {"coat": 1.0}},
        }
        (folder / "scores" / f"{name}.json").write_text(json.dumps(report))
    (folder / "scores" / "other.json").write_text("[1]")
    assert read_run(folder).scores == {"frechet_distance": 2.0, "images": 500.0}


def test_a_sweep_stands_for_its_jobs(tmp_path: Path) -> None:
    sweep = make_sweep(tmp_path / "sweep")
    runs = read_runs([sweep])
    assert [(run.name, run.status, run.reason, run.epochs, run.seconds) for run in runs] == [
        ("0", "finished", "", 2, 6.0),
        ("1", "finished", "", 2, 6.0),
        ("2", "stopped", "SIGTERM", 1, 4.0),
        ("3", "failed", "data.count must be more", 0, 9.0),
    ]
    assert runs[3].settings == {"model.generator_lr": 2e-4, "seed": 1}
    assert runs[3].overrides == ("model.generator_lr=2e-4", "seed=1")
    assert not runs[3].has_config
    other = make_run(tmp_path / "other")
    assert [run.name for run in read_runs([sweep, other])] == [
        "sweep/0",
        "sweep/1",
        "sweep/2",
        "sweep/3",
        "other",
    ]


def test_a_sweep_without_records(tmp_path: Path) -> None:
    for name in ("10", "9", "x"):
        make_run(tmp_path / "sweep" / name)
    assert [run.name for run in read_runs([tmp_path / "sweep"])] == ["9", "10"]
    assert not is_sweep(tmp_path / "sweep" / "9")


def test_a_job_runs_while_its_folder_is_owned(tmp_path: Path) -> None:
    record = JobRecord(folder="0", overrides=(), epochs=2)
    write_record(tmp_path, record)
    folder = make_run(tmp_path / "0", trained=1)
    with locked(folder):
        assert read_runs([tmp_path])[0].status == "running"
    run = read_runs([tmp_path])[0]
    assert (run.status, run.reason) == ("stopped", "killed")
    assert read_records(tmp_path) == [record]


def test_a_run_without_history(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "0")
    (folder / "history" / "history.csv").unlink()
    run = read_run(folder, record=JobRecord("0", (), epochs=2, status="finished", seconds=3.0))
    assert (run.finals, run.epochs, run.seconds) == ({}, 2, 3.0)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("config.yaml", "a: [1", "config.yaml cannot be read"),
        ("config.yaml", "- 1", "config.yaml holds no settings"),
        ("history/history.csv", f"{HEADER}\n1,2,x", "history.csv cannot be read"),
        ("scores/a.json", "{", "a.json cannot be read"),
    ],
)
def test_damaged_files_are_one_line(tmp_path: Path, name: str, text: str, message: str) -> None:
    folder = make_run(tmp_path / "run", score=1.0)
    (folder / name).write_text(text)
    with pytest.raises(RunFolderError, match=message) as caught:
        read_run(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("name", "message"), [("nope", "does not exist"), ("", "holds no run and no sweep")])
def test_folders_without_runs(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(RunFolderError, match=message):
        read_runs([tmp_path / name])


def test_a_history_with_one_line(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    (folder / "history" / "history.csv").write_text(f"{HEADER}\n1,1,0.5,0.25,1,1,1\n")
    run = read_run(folder)
    assert run.epochs == 0
    assert run.finals["gen_loss"] == 0.25
    assert isinstance(run.history["gen_loss"], np.ndarray)
