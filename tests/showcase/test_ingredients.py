"""The lesson on the ingredients: it runs on the benchmark's results, and they are what its text says."""

import json
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
import torch
from run_notebook import code_cells, lay_out_data, run_cells

import dcgan_lightning

ROOT = Path(dcgan_lightning.__file__).resolve().parents[1]
LESSON = ROOT / "outputs" / "showcase" / "ingredients.ipynb"


@pytest.fixture(scope="module")
def ran(
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[dict[str, Any], list[list[dict]], list[list[dict]]]:
    """Return what the lesson's code defines and shows, and what the file keeps."""
    notebook = json.loads(LESSON.read_text(encoding="utf-8"))
    folder = tmp_path_factory.mktemp("ingredients")
    lay_out_data(LESSON, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        names, outputs = run_cells(notebook, {})
    return names, outputs, [cell["outputs"] for cell in code_cells(notebook)]


def test_the_kept_outputs_are_those_of_the_code(ran: tuple) -> None:
    _, outputs, kept = ran
    for shown, before in zip(outputs, kept, strict=True):
        assert [output.get("text") for output in shown] == [output.get("text") for output in before]


def test_the_rungs_are_the_benchmarks(ran: tuple, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "tests" / "benchmarks"))
    from ingredients import CONTROL, RUNGS

    assert ran[0]["LADDER"] == [*RUNGS]
    assert ran[0]["CONTROL"] == CONTROL


def test_the_figures_are_what_the_text_says(ran: tuple) -> None:
    names = ran[0]
    values, ladder = names["values"], names["LADDER"]
    distances = [mean(values(rung, "frechet_distance")) for rung in ladder]
    left = [after / before for before, after in pairwise(distances)]
    assert 1 < left[2] < 1.3  # spectral normalization alone loses a little
    assert left[3] == min(left) == pytest.approx(0.25, abs=0.05)  # the large rates that it permits
    steps = [names["iterations"](rung) for rung in ladder]
    assert steps[1] > 5 * steps[0]
    assert steps[2] > 3 * steps[1]
    assert 7 < mean(values(names["CONTROL"], "frechet_distance")) / distances[6] < 9
    averaged = [mean(values(rung, "frechet_distance", "averaged")) for rung in ladder]
    assert averaged[5] < 0.7 * distances[5]
    assert averaged[5] < averaged[6]
    assert averaged[6] == pytest.approx(distances[6], rel=0.2)


def test_each_step_is_shown_as_it_is(ran: tuple) -> None:
    names = ran[0]
    assert all(
        0.9 < names["stretch"](layer) < 1.1 for layer in names["layers"]
    )  # of the last system: normalized
    assert names["images"].shape == (48, 1, 28, 28)
    assert not torch.equal(names["images"][0], names["images"][12])  # the same noise, another class
    assert abs(names["average"].network.weight.item()) < 0.1
    assert [names["rate_factor"](share) for share in (0, 0.3, 1)] == [1, 1, 0]
