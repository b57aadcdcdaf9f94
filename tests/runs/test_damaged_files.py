"""Damaged small files of a run: each ends in one line that names the file, or is harmless, and soon.

Wrong types at every place, cut off and random bytes, seeded; read by compare, a sweep's summary and a job
that goes on. The report's part is in reports/.
"""

import dataclasses
import json
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from damaging import EVALUATION, as_json, as_yaml, damages, refusal, removed, replaced, variants
from made_runs import make_run, make_sweep

from dcgan_lightning.compare import compare
from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.core.measured import FIGURES_FILE, NOTEBOOK_FIGURES, encode_figures
from dcgan_lightning.inference.model_card import read_scores, score_table
from dcgan_lightning.runs.comparison import lay_out
from dcgan_lightning.runs.jobs import JobRecord, begin_job, read_records
from dcgan_lightning.runs.ranking import group_by_setting, rank, verdict
from dcgan_lightning.runs.ranking_tables import format_ranking, summary_csv
from dcgan_lightning.runs.reading import parse_yaml, read_evaluation, read_settings, read_table
from dcgan_lightning.runs.run import POSITION, read_runs


def check_all(read: Callable[[], object], path: Path, contents: list[bytes], wanted: int) -> None:
    """Put contents into a file, one after the other; at least ``wanted`` of them must be refused."""
    good = path.read_bytes()
    lines = []
    for content in contents:
        path.write_bytes(content)
        lines.append(refusal(read, path))
    path.write_bytes(good)
    assert sum(line is not None for line in lines) >= wanted
    assert refusal(read, path) is None


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    folders = [make_run(tmp_path / name, seed, score=1.0, grid=False) for seed, name in enumerate("ab")]
    (folders[0] / "history" / "scores.csv").write_text("epoch,frechet_distance\n1,9.5\n2,7.25\n")
    (folders[0] / "scores" / "scores.json").write_bytes(as_json(EVALUATION))
    return folders


def comparing(*folders: Path) -> Callable[[], object]:
    """Return a comparison without its drawings and files, which take longer than all else."""

    def read() -> None:
        runs = read_runs(folders)
        settings = group_by_setting(runs)
        ranking = rank(settings)
        assert format_ranking(ranking) + verdict(ranking) + summary_csv(runs)
        lay_out(settings)

    return read


def test_settings_of_wrong_types(runs: list[Path]) -> None:
    path = runs[0] / "config.yaml"
    values = yaml.safe_load(path.read_text())
    values["trainer"]["limit_train_batches"] = 1.0
    values["callbacks"] = {"scores": {"count": 500}, "film": {"file_name": "a.gif"}}
    contents = [*map(as_yaml, variants(values, random.Random(0), 6))]
    check_all(comparing(*runs), path, contents, wanted=70)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data.count", "many"),
        ("data.batch_size", 0),
        ("trainer.max_epochs", "many"),
        ("trainer.max_epochs", None),
        ("trainer.limit_train_batches", [1]),
        ("trainer.limit_train_batches", 0.0),
        ("seed", "x"),
        ("data", [1]),
        ("trainer", "x"),
    ],
)
def test_the_line_names_the_setting(runs: list[Path], key: str, value: object) -> None:
    path = runs[0] / "config.yaml"
    path.write_bytes(as_yaml(replaced(yaml.safe_load(path.read_text()), (*key.split("."),), value)))
    with pytest.raises(RunFolderError) as caught:
        read_runs(runs)
    assert str(caught.value).startswith(f"{path}: {key} must be ")


def test_a_missing_batch_size(runs: list[Path]) -> None:
    path = runs[0] / "config.yaml"
    path.write_bytes(as_yaml(removed(yaml.safe_load(path.read_text()), ("data", "batch_size"))))
    with pytest.raises(RunFolderError, match=r"config\.yaml: data\.batch_size is missing"):
        read_runs(runs)


LAUGHS = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10))])
MERGES = "\n".join(
    ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 9)}]}}" for n in range(1, 10))]
)


@pytest.mark.parametrize(
    "content",
    [
        LAUGHS,
        MERGES,
        "a: &a [*a]",
        "a: &a {b: *a}",
        "[" * 5_000,
        "a: " + "{b: " * 5_000,
        "- " * 5_000,
        "? " * 5_000,
        "a: 2024-02-30",
        "a: 2024-02-03",
        "a: !!binary aGVsbG8=",
        "a: !!set {x}",
        "a: !!python/object/apply:os.system [ls]",
        "a: " + "9" * 5_000,
        "a: 0x" + "f" * 5_000,
        "? [a]\n: 1",
        "x" * 200_000,
        "a: \x07",
    ],
    ids=lambda content: content[:9],
)
def test_yaml_that_is_meant_to_harm(tmp_path: Path, content: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(content)
    assert refusal(lambda: read_settings(path), path)
    with pytest.raises(ValueError, match=r"."):
        parse_yaml(content if len(content) < 1e5 else LAUGHS)


def test_damaged_settings(runs: list[Path]) -> None:
    path = runs[0] / "config.yaml"
    contents = [*damages(path.read_bytes(), random.Random(1), 60)]
    check_all(comparing(*runs), path, contents, wanted=80)


@pytest.mark.parametrize("name", ["history.csv", "scores.csv"])
def test_damaged_tables(runs: list[Path], name: str) -> None:
    draw = random.Random(2)
    path = runs[0] / "history" / name
    rows = [line.split(",") for line in path.read_text().splitlines()]
    cells = [
        "",
        "x",
        "nan",
        "inf",
        "-inf",
        "1e400",
        "-1",
        "0",
        "1e18",
        '"',
        "#",
        "epoch",
        "\u0661",
        "\0",
        "1_0",
    ]
    contents = [*damages(path.read_bytes(), draw, 40)]
    for row, column in [(row, column) for row in range(len(rows)) for column in range(len(rows[0]))]:
        for cell in cells:
            changed = replaced(rows, (row, column), cell)
            contents.append("\n".join(map(",".join, changed)).encode())
        contents.append("\n".join(map(",".join, [r[:column] for r in rows])).encode())
    check_all(comparing(*runs), path, contents, wanted=80)


@pytest.mark.parametrize("header", ["", "x", "epoch,epoch,seconds", "epoch,iteration", ",,,,,,"])
def test_a_header_that_is_none(runs: list[Path], header: str) -> None:
    path = runs[0] / "history" / "history.csv"
    path.write_text("\n".join([header, *path.read_text().splitlines()[1:]]))
    assert refusal(lambda: read_table(path, POSITION), path)


def test_job_records(tmp_path: Path) -> None:
    sweep = make_sweep(tmp_path / "sweep", grid=False)
    for number in (0, 3):  # a job with its run, and one that failed before it had settings
        path = sweep / "jobs" / f"{number}.json"
        values = json.loads(path.read_bytes())
        contents = [*map(as_json, variants(values, random.Random(3), 9))]
        contents += [*damages(path.read_bytes(), random.Random(4), 30)]
        overrides = [["a=" + LAUGHS], ["=", "==", "", "+", "a=[", "a=" + "[" * 3000, "a=2024-02-30", "a=1e5"]]
        contents += [as_json(values | {"overrides": texts}) for texts in overrides]
        contents += [
            as_json(values | {"folder": folder}) for folder in ("../x", "/x", ".", "", "a\0b", 3, None)
        ]
        read = comparing(sweep)
        check_all(read, path, contents, wanted=70)

        def go_on(number: int = number) -> None:
            job = JobRecord(f"{number}", ("model.generator_lr=1e-4", "seed=0"), 2)
            begin_job(sweep, job, "auto")

        check_all(lambda: read_records(sweep), path, contents, wanted=70)
        if number == 0:
            check_all(
                go_on, path, [content for content in contents if b'"status": "finished"' not in content], 50
            )


def test_evaluations(runs: list[Path]) -> None:
    path = runs[0] / "scores" / "scores.json"
    contents = [*map(as_json, variants(EVALUATION, random.Random(5), 12))]
    contents += [*damages(path.read_bytes(), random.Random(6), 40)]
    contents += [
        b"[" * 50_000,
        b'{"mean":' * 10_000,
        b'{"mean": {"recall": ' + b"9" * 5_000 + b"}}",
        b"1" * 200_000,
    ]
    check_all(comparing(*runs), path, contents, wanted=150)


def test_a_model_card_takes_whole_evaluations_only(
    runs: list[Path], caplog: pytest.LogCaptureFixture
) -> None:
    path = runs[0] / "scores" / "last.json"
    checkpoint = runs[0] / "checkpoints" / "last.ckpt"
    trained: Any = SimpleNamespace(path=checkpoint, averaged=True, epochs=4, iterations=12)
    draw = random.Random(9)
    contents = [*map(as_json, variants(EVALUATION, draw, 8)), *damages(as_json(EVALUATION), draw, 20)]
    taken = 0
    for content in contents:
        path.write_bytes(content)
        caplog.clear()
        report = read_scores(trained)
        assert all(str(path) in message for message in caplog.messages)
        if report is not None:
            taken += 1
            assert score_table(report).startswith("Of ")
    assert 0 < taken < len(contents) / 2


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("figure", ["nan", "-inf", "1e308", ""])
def test_any_figures_can_be_drawn(runs: list[Path], figure: str) -> None:
    path = runs[0] / "history" / "history.csv"
    header, *rows = path.read_text().splitlines()
    changed = [row.rpartition(",")[0].rpartition(",")[0] + f",{figure},{figure}" for row in rows]
    path.write_text("\n".join([header, *changed, ""]))
    (runs[0] / "history" / "scores.csv").write_text(f"epoch,frechet_distance\n1,{figure}\n2,{figure}\n")
    out = runs[0].parent / "compared"
    assert refusal(lambda: compare(runs, out), path) is None
    drawn = {"curves.png", "quality.png"} if figure == "1e308" else {"curves.png"}  # finite scores only
    assert {file.name for file in out.iterdir()} == {"summary.csv", *drawn}


def test_damaged_figures(runs: list[Path]) -> None:
    draw = random.Random(10)
    path = runs[0] / FIGURES_FILE
    path.write_bytes(encode_figures(NOTEBOOK_FIGURES[:2]))
    contents = [*map(as_json, variants(json.loads(path.read_bytes()), draw, 6)), b"[" * 40_000]
    contents += [*damages(path.read_bytes(), draw, 30)]
    check_all(comparing(*runs), path, contents, wanted=100)
    path.write_bytes(encode_figures([dataclasses.replace(NOTEBOOK_FIGURES[0], panel="$x^", unit="$x^")]))
    assert refusal(lambda: compare(runs, runs[0].parent / "compared"), path) is None


def test_a_damaged_grid_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    folders = [make_run(tmp_path / name, seed) for seed, name in enumerate("ab")]
    (grid,) = (folders[0] / "samples").iterdir()
    (folders[0] / "samples" / "sample_epoch_0009_iter_001.png").mkdir()  # no file
    good = grid.read_bytes()
    for content in damages(good, random.Random(8), 2):
        grid.write_bytes(content)
        lay_out(group_by_setting(read_runs(folders)))
    assert {"is damaged" in message and str(grid) in message for message in caplog.messages} == {True}


def test_good_files_are_read_whole(runs: list[Path]) -> None:
    assert read_evaluation(runs[0] / "scores" / "scores.json") == EVALUATION
    path = runs[0] / "config.yaml"
    assert read_settings(path) == yaml.safe_load(path.read_text())
    assert read_table(runs[0] / "history" / "scores.csv", ["epoch"])["epoch"].tolist() == [1, 2]
    assert read_table(runs[0] / "history" / "none.csv", ["epoch"]) == {}
