"""A sweep that is killed or stopped in its middle goes on to the same summary, and repeats nothing."""

import csv
import functools
import tempfile
from pathlib import Path
from typing import Any

import pytest
from reliability_contenders import OURS

from dcgan_lightning.runs.jobs import read_records
from dcgan_lightning.runs.run import read_runs

SWEEP = (
    *("-m", "experiment=smoke", "run_name=sweep", "trainer.max_epochs=1,2", "seed=0,1"),
    *("trainer.limit_train_batches=3", "callbacks.film=null", "logger=none"),
)
IN_THE_THIRD_JOB = {"at": [1, 1], "point": "batch_start"}  # the first one of two epochs


def run(folder: Path, *overrides: str, faults: dict[str, Any] | None = None) -> Any:
    return OURS.warmed().run(folder, *SWEEP, *overrides, faults=faults)


def summary(folder: Path) -> list[dict[str, str]]:
    """Return the sweep's table without what depends on the clock."""
    with open(folder / "outputs" / "sweep" / "summary.csv") as file:
        rows = [*csv.DictReader(file)]
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def states(folder: Path) -> list[str]:
    return [record.status for record in read_records(folder / "outputs" / "sweep")]


@functools.cache
def unbroken() -> list[dict[str, str]]:
    with tempfile.TemporaryDirectory() as name:
        ended = run(Path(name))
        assert ended.returncode == 0, ended.errors
        return summary(Path(name))


@pytest.mark.parametrize(
    ("action", "code", "state", "reason"),
    [("sigkill", -9, "running", "killed"), ("sigint", 130, "stopped", "Ctrl-C")],
)
def test_a_broken_sweep_goes_on(tmp_path: Path, action: str, code: int, state: str, reason: str) -> None:
    ended = run(tmp_path, faults=IN_THE_THIRD_JOB | {"action": action})
    assert ended.returncode == code, ended.errors
    assert states(tmp_path) == ["finished", "finished", state]
    sweep = tmp_path / "outputs" / "sweep"
    last = read_runs([sweep])[-1]
    assert (last.status, last.reason, last.epochs) == ("stopped", reason, 1)
    if action == "sigint":
        assert "jobs: 2 finished, 1 stopped" in ended.output
        assert [(row["status"], row["reason"]) for row in summary(tmp_path)][2:] == [("stopped", reason)]
        command = ended.output.partition("go on with: python -m dcgan_lightning.train ")[2].splitlines()[0]
        assert command.endswith(" run_name=sweep ckpt_path=auto")
        assert "--multirun experiment=smoke trainer.max_epochs=1,2 seed=0,1 " in command
    before = {path: path.read_bytes() for job in "01" for path in (sweep / job).rglob("*") if path.is_file()}

    ended = run(tmp_path, "ckpt_path=auto")
    assert ended.returncode == 0, ended.errors
    assert "job 1 is finished already" in ended.output
    assert "job 2 is finished already" not in ended.output
    assert summary(tmp_path) == unbroken()
    assert {path: path.read_bytes() for path in before} == before

    if action == "sigint":
        again = run(tmp_path, "ckpt_path=auto")
        assert again.returncode == 0, again.errors
        assert again.output.count("is finished already") == 4
        assert summary(tmp_path) == unbroken()


@pytest.mark.parametrize(
    ("name", "key", "values"),
    [
        ("seeds", "seed", ["0", "1", "2"]),
        ("learning_rates", "model.generator_lr", ["0.0001", "0.0001", "0.0002", "0.0002"]),
        ("widths", "model.discriminator_channels", ["[2,2]", "[4,4]", "[8,8]"]),
    ],
)
def test_every_sweep_from_a_file(tmp_path: Path, name: str, key: str, values: list[str]) -> None:
    quick = ("trainer.max_epochs=1", "trainer.limit_train_batches=1", "callbacks.film=null", "logger=none")
    ended = OURS.warmed().run(tmp_path, f"sweep={name}", "experiment=smoke", "run_name=sweep", *quick)
    assert ended.returncode == 0, ended.errors
    assert f"jobs: {len(values)} finished" in ended.output
    assert [row[key] for row in summary(tmp_path)] == values
    assert {"grids.png", "curves.png"} <= {path.name for path in (tmp_path / "outputs" / "sweep").iterdir()}


def test_other_settings_are_refused_in_one_line(tmp_path: Path) -> None:
    """Jobs are told apart by their number, so the same number must be the same job."""
    folder = tmp_path / "outputs" / "sweep"
    small = (
        "-m",
        "experiment=smoke",
        "run_name=sweep",
        "trainer.max_epochs=1",
        "callbacks=none",
        "logger=none",
    )
    ours = OURS.warmed()
    assert ours.run(tmp_path, *small, "seed=0").returncode == 0
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    for overrides, message in (
        (("seed=5", "ckpt_path=auto"), "was made with other settings: seed=0 (now 5)"),
        (
            ("seed=0",),
            "already holds a run; choose another run_name, or go on with this sweep: ckpt_path=auto",
        ),
    ):
        ended = ours.run(tmp_path, *small, *overrides)
        assert ended.returncode == 1
        assert ended.errors.startswith(f"error: {folder}/0 ")
        assert message in ended.errors
        assert ended.errors.count("\n") == 1
        kept = {
            path: path.read_bytes()
            for path in folder.rglob("*")
            if path.name != "multirun.yaml" and path.is_file()
        }
        assert kept == {path: data for path, data in before.items() if path.name != "multirun.yaml"}
