"""The lesson on the three neighbours: it runs, and its kept outputs say what its text says."""

import json
import re
from pathlib import Path

import pytest
import torch
from run_notebook import code_cells, run_cells

import dcgan_lightning

LESSON = Path(dcgan_lightning.__file__).resolve().parents[1] / "outputs" / "showcase" / "neighbours.ipynb"


@pytest.fixture(scope="module")
def notebook() -> dict:
    return json.loads(LESSON.read_text(encoding="utf-8"))


@pytest.mark.real_data
def test_the_three_methods_run(notebook: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names, outputs = run_cells(notebook, {"ITERATIONS": 3, "STEPS": 3, "COUNT": 200})
    assert names["outputs"]["both"].shape == (200, 1, 28, 28)
    assert not torch.equal(names["outputs"]["both"], names["outputs"]["L1 only"])
    first, second = (system.generator_ab.up[4].weight for system in names["CYCLEGAN"].values())
    assert not torch.equal(first, second)
    assert torch.equal(names["PIX2PIX"]["both"].generator.inputs_of(names["targets"]), names["drawings"])
    background = names["mask"] == 0
    for image in names["painted"]:
        assert torch.equal(image[background], names["content"][background])
    kept = [cell["outputs"] for cell in code_cells(notebook)]
    assert [[output["output_type"] for output in shown] for shown in outputs] == [
        [output["output_type"] for output in shown] for shown in kept
    ]
    # Nothing is trained before the losses of untrained networks are shown.
    assert outputs[2] == kept[2]


def test_what_is_kept_is_what_the_text_says(notebook: dict) -> None:
    text = "".join(
        "".join(output.get("text", ())) for cell in code_cells(notebook) for output in cell["outputs"]
    )

    def figures(start: str) -> list[float]:
        line, *_ = re.findall(rf"^{start}: (.*)$", text, flags=re.MULTILINE)
        return [*map(float, re.findall(r"\d+\.\d+", line))]

    plain, both, true = (figures(name) for name in ("L1 only", "both", "true images"))
    assert true[0] == 0 < plain[0] < both[0]
    assert plain[1] < 0.9 * true[1] < both[1]
    assert true[2] < both[2] < plain[2]
    median, shirt = figures("L1 to all shirts")
    assert median < shirt
    free, bound = figures("without a cycle"), figures("with a cycle")
    assert min(free[0], bound[0]) > 0.9
    assert free[1] < 0.85 * bound[1]
    assert free[2] > 1.5 * bound[2]
    assert figures("all positions shuffled") == [0]
    rows = torch.tensor([figures(name) for name in ("checks", "dots", "stripes")])
    assert rows.argmin(dim=1).tolist() == [0, 1, 2]
    content, style, compromise = (
        re.findall(rf"^{name}: style (\S+), content (\S+)$", text, flags=re.MULTILINE)[0]
        for name in ("content only", "style only", "both")
    )
    assert float(style[0]) < float(compromise[0]) < float(content[0])
    assert float(content[1]) < float(compromise[1]) < float(style[1])
