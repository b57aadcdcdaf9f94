import contextlib
import csv
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from made_runs import make_run, make_sweep
from omegaconf import OmegaConf

from dcgan_lightning.compare import compare, name_runs
from dcgan_lightning.config.validate import check_command
from dcgan_lightning.core.errors import ConfigError, RunFolderError
from dcgan_lightning.pictures import decode_png
from dcgan_lightning.runs.comparison import lay_out, write_comparison
from dcgan_lightning.runs.jobs import JobRecord, write_record
from dcgan_lightning.runs.ranking import group_by_setting
from dcgan_lightning.runs.run import read_runs


def titles(folders: list[Path]) -> list[list[str | None]]:
    return [[panel and panel.title for panel in row] for row in lay_out(group_by_setting(read_runs(folders)))]


def test_runs_from_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folders = [make_run(tmp_path / name, rate=rate) for name, rate in (("a", 1e-4), ("b", 2e-4))]
    text = compare(folders)
    (made,) = (tmp_path / "outputs").glob("compare_*")
    assert sorted(path.name for path in made.iterdir()) == ["curves.png", "grids.png", "summary.csv"]
    assert f"summary.csv, grids.png and curves.png are in outputs/{made.name}" in text
    with open(made / "summary.csv") as file:
        assert [(row["run"], row["model.generator_lr"]) for row in csv.DictReader(file)] == [
            ("a", "0.0001"),
            ("b", "0.0002"),
        ]


def test_a_sweep_is_compared_in_its_own_folder(tmp_path: Path) -> None:
    sweep = make_sweep(tmp_path / "sweep", scores=True)
    text = compare([sweep])
    assert (sweep / "summary.csv").read_text().count("\n") == 5
    assert "generator_lr=0.0001     2                      3.25  3 to 3.5" in text
    elsewhere = tmp_path / "both"
    compare([sweep, make_run(tmp_path / "other")], elsewhere)
    assert (elsewhere / "summary.csv").read_text().count("\n") == 6


def test_scores_are_drawn_over_the_minutes_of_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Any] = []
    monkeypatch.setattr(
        "dcgan_lightning.runs.comparison.draw_quality", lambda runs: drawn.append(runs) or b"x"
    )
    runs = [make_run(tmp_path / name, rate=rate) for name, rate in (("a", 1e-4), ("b", 2e-4))]
    (runs[0] / "history" / "scores.csv").write_text("epoch,frechet_distance\n1,9.5\n2,4.5\n")
    compare(runs, tmp_path / "out")
    ((title, (history,)),) = drawn[0]
    assert title.startswith("a")
    assert history["score"].tolist() == [9.5, 4.5]
    rows = [*csv.DictReader((runs[0] / "history" / "history.csv").open())]
    ends = [max(float(row["seconds"]) for row in rows if row["epoch"] == epoch) for epoch in ("1", "2")]
    assert history["score_minutes"].tolist() == [seconds / 60 for seconds in ends]
    assert (tmp_path / "out" / "quality.png").read_bytes() == b"x"


def test_one_run_has_nothing_to_compare_with(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="at least two"):
        compare([make_run(tmp_path / "run")], tmp_path / "out")
    with pytest.raises(RunFolderError, match="holds no run and no sweep"):
        compare([tmp_path / "run", tmp_path / "run" / "samples"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_only_what_there_is_is_drawn(tmp_path: Path) -> None:
    record = JobRecord("0", ("seed=-1",), 2, "failed", "seed must be ...")
    write_record(tmp_path, record)
    text = write_comparison(read_runs([tmp_path]), tmp_path)
    assert text == f"There are no figures yet.\nsummary.csv is in {tmp_path}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["jobs", "summary.csv"]


def test_the_table_is_there_even_if_drawing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object) -> bytes:
        raise ValueError("bottom cannot be >= top")

    monkeypatch.setattr("dcgan_lightning.runs.comparison.draw_setting_curves", fail)
    with pytest.raises(ValueError, match="bottom"):
        compare([make_sweep(tmp_path / "sweep")])
    assert (tmp_path / "sweep" / "summary.csv").read_text().count("\n") == 5


@pytest.mark.parametrize("fails", [False, True])
def test_no_picture_of_an_earlier_comparison_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fails: bool
) -> None:
    out = tmp_path / "out"
    write_comparison(read_runs([make_run(tmp_path / "a"), make_run(tmp_path / "b", 1)]), out)
    (out / "mine.png").write_bytes(b"mine")
    assert (out / "curves.png").exists()
    bare = read_runs([make_run(tmp_path / name, grid=fails, trained=0) for name in ("c", "d")])
    if fails:
        monkeypatch.setattr("dcgan_lightning.runs.comparison.draw_side_by_side", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError) if fails else contextlib.nullcontext():
        write_comparison(bare, out)
    assert sorted(path.name for path in out.iterdir()) == ["mine.png", "summary.csv"]


def test_seeds_stand_side_by_side(tmp_path: Path) -> None:
    assert titles([make_sweep(tmp_path / "s")]) == [
        ["0: generator_lr=0.0001 seed=0", "1: generator_lr=0.0001 seed=1"],
        ["2: generator_lr=0.0002 seed=0 (stopped)", "3: generator_lr=0.0002 seed=1 (failed)"],
    ]
    (panel,) = [panel for row in lay_out(group_by_setting(read_runs([tmp_path / "s"]))) for panel in row][3:]
    assert panel is not None
    assert (panel.picture, panel.note) == (None, "failed: data.count must be more")


def test_a_seed_that_is_missing_leaves_its_place(tmp_path: Path) -> None:
    runs = [(1e-4, 0), (1e-4, 1), (2e-4, 1)]
    folders = [make_run(tmp_path / f"{n}", rate=rate, seed=seed) for n, (rate, seed) in enumerate(runs)]
    assert titles(folders)[1] == [None, "2: generator_lr=0.0002 seed=1"]


def test_two_settings_go_down_and_across(tmp_path: Path) -> None:
    pairs = [(1e-4, 0.1), (1e-4, 0.2), (2e-4, 0.1), (2e-4, 0.2)]
    folders = [
        make_run(tmp_path / f"{n}", rate=rate, dropout=dropout) for n, (rate, dropout) in enumerate(pairs)
    ]
    assert titles(folders) == [
        ["0: generator_lr=0.0001 dropout=0.1", "1: generator_lr=0.0001 dropout=0.2"],
        ["2: generator_lr=0.0002 dropout=0.1", "3: generator_lr=0.0002 dropout=0.2"],
    ]


@pytest.mark.parametrize(("count", "shape"), [(2, (1, 2)), (5, (2, 4)), (6, (2, 3)), (12, (3, 4))])
def test_all_else_flows(tmp_path: Path, count: int, shape: tuple[int, int]) -> None:
    folders = [make_run(tmp_path / f"{n}", rate=(n + 1) * 1e-4, grid=False) for n in range(count)]
    rows = titles(folders)
    assert (len(rows), len(rows[0])) == shape
    assert [title for row in rows for title in row if title][-1].startswith(f"{count - 1}: generator_lr")


def test_the_grids_are_in_the_picture(tmp_path: Path) -> None:
    folders = [make_run(tmp_path / f"{seed}", seed=seed) for seed in (1, 4)]
    compare(folders, tmp_path / "out")
    picture = decode_png((tmp_path / "out" / "grids.png").read_bytes())
    for seed in (1, 4):  # each run's grid is one grey of its own
        assert (abs(picture[..., 0] - (40.0 * seed + 20)) <= 1).mean() > 0.35


@pytest.mark.parametrize(
    ("typed", "hydras"),
    [
        (["outputs/a", "outputs/b"], ["runs=['outputs/a','outputs/b']"]),
        (["a", "output_dir=x", "b"], ["output_dir=x", "runs=['a','b']"]),
        (["runs=[a,b]", "--help"], ["runs=[a,b]", "--help"]),
        (["-cd", "conf", "a", "+x=1", "~y"], ["-cd", "conf", "+x=1", "~y", "runs=['a']"]),
        (["it's", "a,b", "back\\slash"], ["runs=['it\\'s','a,b','back\\\\slash']"]),
        (["lr=1"], ["lr=1"]),
        ([], []),
    ],
)
def test_folders_in_hydras_grammar(typed: list[str], hydras: list[str]) -> None:
    assert name_runs(typed) == hydras


def test_a_folder_with_an_equals_sign(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lr=1").mkdir()
    assert name_runs(["lr=1", "seed=2"]) == ["seed=2", "runs=['lr=1']"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"runs": [], "output_dir": None}, "runs must be a list of folders"),
        ({"runs": "a", "output_dir": None}, "runs must be a list of folders"),
        ({"runs": [1], "output_dir": None}, "runs must be a list of folders"),
        ({"runs": ["a"], "output_dir": 3}, "output_dir must be a text, or null; got 3"),
        ({"runs": ["a"], "outputdir": "x"}, "unknown key 'outputdir'; did you mean 'output_dir'?"),
    ],
)
def test_bad_settings(values: dict, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check_command(OmegaConf.create(values), "compare")
    assert message in str(caught.value)


def test_it_needs_no_pytorch() -> None:
    code = "import sys, dcgan_lightning.compare; print({'torch', 'torchvision'} & sys.modules.keys())"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"
