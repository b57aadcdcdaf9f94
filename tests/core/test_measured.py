import json
import random
from pathlib import Path

import pytest

from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.core.measured import FIGURES_FILE, NOTEBOOK_FIGURES, Figure, encode_figures, panels_of
from dcgan_lightning.runs.reading import read_figures

OTHERS = (
    Figure("error", "Error", "grey levels", "err", "Error", digits=1),
    Figure(
        "kept", "Labels kept", "share of images", "kept", "Labels kept", digits=2, is_share=True, tone="cool"
    ),
    Figure("cycle", "Error", "grey levels", "cyc", "Cycle"),
)


def write(folder: Path, content: bytes) -> None:
    (folder / FIGURES_FILE).parent.mkdir(exist_ok=True)
    (folder / FIGURES_FILE).write_bytes(content)


def test_what_is_written_comes_back(tmp_path: Path) -> None:
    write(tmp_path, encode_figures(OTHERS))
    assert read_figures(tmp_path) == OTHERS


def test_a_run_without_the_file_has_the_notebooks_figures(tmp_path: Path) -> None:
    assert read_figures(tmp_path) == NOTEBOOK_FIGURES
    assert [figure.name for figure in NOTEBOOK_FIGURES] == [
        "gen_loss",
        "disc_loss",
        "real_accuracy",
        "fake_accuracy",
    ]


def test_figures_of_one_panel_share_a_plot() -> None:
    assert {title: [figure.name for figure in shown] for title, shown in panels_of(OTHERS).items()} == {
        "Error": ["error", "cycle"],
        "Labels kept": ["kept"],
    }


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_file_is_named(tmp_path: Path, seed: int) -> None:
    random_ = random.Random(seed)
    values = json.loads(encode_figures(OTHERS))
    wrong = random_.choice([None, [], {}, "", -1, 1.5, "x" if seed % 2 else [1]])
    figure = random_.choice(values)
    key = random_.choice(["name", "panel", "unit", "short", "label", "digits", "is_share"])
    if isinstance(wrong, str) and wrong and key not in ("digits", "is_share"):
        wrong = 3
    figure[key] = wrong
    write(tmp_path, json.dumps(values).encode())
    with pytest.raises(RunFolderError, match=r"figures\.json cannot be read"):
        read_figures(tmp_path)
    write(tmp_path, json.dumps(values).encode()[: random_.randrange(1, 40)])
    with pytest.raises(RunFolderError, match=r"figures\.json cannot be read"):
        read_figures(tmp_path)
