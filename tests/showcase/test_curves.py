"""The lesson on curves: it runs, and its kept outputs say what its text says."""

import json
from pathlib import Path

import pytest
import torch
from run_notebook import code_cells, run_cells

import dcgan_lightning

LESSON = Path(dcgan_lightning.__file__).resolve().parents[1] / "outputs" / "showcase" / "curves.ipynb"


@pytest.fixture(scope="module")
def notebook() -> dict:
    return json.loads(LESSON.read_text(encoding="utf-8"))


@pytest.mark.real_data
def test_the_three_runs_are_trained_and_scored(
    notebook: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    names, outputs = run_cells(notebook, {"ITERATIONS": 60, "COUNT": 200})
    assert [*names["RUNS"]] == ["good", "discriminator wins", "collapsed"]
    assert all(len(history) == 60 for _, history in names["RUNS"].values())
    weights = [system.generator.dense.weight for system, _ in names["RUNS"].values()]
    assert len({float(each.detach().sum()) for each in weights}) == 3
    losses = {name: float(history["gen_loss"].mean()) for name, (_, history) in names["RUNS"].items()}
    assert losses["good"] < losses["discriminator wins"]
    scores = torch.tensor([*names["table"].values()])
    assert scores.shape == (4, 5)
    assert scores[:, 0].argmin() == 3  # other real images are nearest
    assert scores[:, 2].argmax() == 3
    kept = [cell["outputs"] for cell in code_cells(notebook)]
    assert [[output["output_type"] for output in shown] for shown in outputs] == [
        [output["output_type"] for output in shown] for shown in kept
    ]


def test_what_is_kept_is_what_the_text_says(notebook: dict) -> None:
    text = "".join(
        "".join(output.get("text", ())) for cell in code_cells(notebook) for output in cell["outputs"]
    )
    rows = [line.split(": ") for line in text.splitlines() if ": " in line]
    figures, scores = (
        {name: [float(value) for value in values.split()] for name, values in part}
        for part in (rows[1:4], rows[4:])  # the first line names the figures
    )
    assert [*scores] == [*figures, "real images"]
    good, wins, collapsed = figures.values()
    for value, level in zip(good, (0.69, 1.39, 0.5, 0.5), strict=True):
        assert value == pytest.approx(level, abs=0.25)  # near the dashed lines
    assert good[2] > 0.5
    assert good[3] > 0.5
    for gen_loss, disc_loss, *accuracies in (wins, collapsed):
        assert gen_loss > 4
        assert disc_loss < 1
        assert min(accuracies) > 0.9
    distance, precision, recall, coverage, variety = zip(*scores.values(), strict=True)
    assert distance[3] < distance[0] < min(distance[1:3])
    assert min(precision[1:3]) > precision[3] > precision[0]  # precision is fooled
    assert recall[1] == recall[2] == 0 < recall[0] < recall[3]
    assert max(coverage[1:3]) < coverage[0]
    assert variety[2] < 0.05 < 0.5 < variety[1] < variety[0]
