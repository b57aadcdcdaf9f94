import csv
import dataclasses
import io
from pathlib import Path

import pytest
from made_runs import make_run, make_sweep

from dcgan_lightning.runs.ranking import group_by_setting, rank
from dcgan_lightning.runs.ranking_tables import format_ranking, summary_csv
from dcgan_lightning.runs.run import read_runs


def test_one_line_a_run(tmp_path: Path) -> None:
    runs = read_runs([make_sweep(tmp_path / "sweep", scores=True)])
    rows = [*csv.DictReader(io.StringIO(summary_csv(runs)))]
    assert [*rows[0]] == [
        *("run", "status", "model.generator_lr", "seed", "epochs", "seconds", "gen_loss", "disc_loss"),
        *("real_accuracy", "fake_accuracy", "frechet_distance", "recall", "images", "reason", "overrides"),
    ]
    assert [*rows[1].values()] == [
        *("1", "finished", "0.0001", "1", "2", "6.0", "1.2", "2.4", "0.5", "0.75", "3.5", "0.5", "10000", ""),
        "model.generator_lr=1e-4 seed=1",
    ]
    assert [*rows[2].values()][1:10] == [*("stopped", "0.0002", "0", "1", "4.0", "0.5", "1", "0.5", "0.75")]
    assert rows[2]["reason"] == "SIGTERM"
    assert [*rows[3].values()] == [
        *("3", "failed", "0.0002", "1", "0", "9.0", *[""] * 7, "data.count must be more"),
        "model.generator_lr=2e-4 seed=1",
    ]


@pytest.mark.parametrize("objective", [None, 0.125])
def test_what_a_job_returned_is_a_column(tmp_path: Path, objective: float | None) -> None:
    (run,) = read_runs([make_run(tmp_path / "0")])
    (row,) = csv.DictReader(io.StringIO(summary_csv([dataclasses.replace(run, objective=objective)])))
    assert row.get("objective") == (None if objective is None else "0.125")


def test_runs_are_shown_by_their_names(tmp_path: Path) -> None:
    folders = [
        make_run(tmp_path / "wide", 0, 1e-4, score=2.0),
        make_run(tmp_path / "wide_again", 1, 1e-4, score=4.0),
        make_run(tmp_path / "narrow", 0, 2e-4, score=1.0),
    ]
    table = format_ranking(rank(group_by_setting(read_runs(folders))))
    head, *lines = [line.split("  ") for line in table.splitlines()]
    assert [part.strip() for part in head if part][:4] == ["place", "name", "setting", "runs"]
    assert [[part.strip() for part in line if part][1:3] for line in lines] == [
        ["narrow", "generator_lr=0.0002"],
        ["wide, wide_again", "generator_lr=0.0001"],
    ]
    titles = [setting.title for setting in group_by_setting(read_runs(folders))]
    assert titles == ["wide, wide_again: generator_lr=0.0001", "narrow: generator_lr=0.0002"]
    assert group_by_setting(read_runs(folders[:2]))[0].title == "wide, wide_again"


def test_the_numbers_of_a_sweeps_jobs_are_no_names(tmp_path: Path) -> None:
    settings = group_by_setting(read_runs([make_sweep(tmp_path / "sweep", scores=True)]))
    assert [setting.title for setting in settings] == ["generator_lr=0.0001", "generator_lr=0.0002"]
    assert "name" not in format_ranking(rank(settings)).splitlines()[0]


def test_long_names_are_cut(tmp_path: Path) -> None:
    folders = [make_run(tmp_path / (letter * 200), rate=rate) for letter, rate in (("a", 1e-4), ("b", 2e-4))]
    lines = format_ranking(rank(group_by_setting(read_runs(folders)))).splitlines()
    assert max(map(len, lines)) < 170
    assert ["a" * 36 in line for line in lines] == [False, True, False]


def test_a_summary_holds_no_formulas(tmp_path: Path) -> None:
    runs = read_runs(
        [make_run(tmp_path / name, note=name) for name in ("=HYPERLINK(1)", "@SUM(1)", "+1", "-x")]
    )
    text = summary_csv([dataclasses.replace(run, objective=-1.5, reason=run.name) for run in runs])
    for run, row in zip(runs, csv.DictReader(io.StringIO(text)), strict=True):
        assert [row[name] for name in ("run", "reason", "model.note")] == [f"'{run.name}"] * 3
        assert (row["objective"], row["gen_loss"], row["status"]) == ("-1.5", "1", "finished")
