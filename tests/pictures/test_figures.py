import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import matplotlib
import numpy as np
import pytest
import torch

from dcgan_lightning.pictures import (
    Panel,
    draw_curves,
    draw_examples,
    draw_labelled_grid,
    draw_pairs,
    draw_quality,
    draw_scores,
    draw_search,
    draw_setting_curves,
    draw_side_by_side,
)

FIGURES = ("gen_loss", "disc_loss", "real_accuracy", "fake_accuracy")
SCORES = ("frechet_distance", "precision", "recall", "density", "coverage", "class_divergence")
VALUES = {name: np.linspace(0.1, 0.9, 20) for name in (*FIGURES, *SCORES)}
IMAGE = torch.full((1, 28, 28), 100, dtype=torch.uint8)
DRAWINGS: dict[str, Callable[[], bytes]] = {
    "curves": partial(draw_curves, VALUES, 10),
    "examples": partial(draw_examples, IMAGE[None]),
    "labelled grid": partial(draw_labelled_grid, [IMAGE[None]], ["a"], [["b"]]),
    "pairs": partial(draw_pairs, {"a": [(IMAGE, IMAGE, "b")]}),
    "quality": partial(
        draw_quality, [("a", [{"score": np.array([9.0, 3.0]), "score_minutes": np.array([1.0, 5.0])}])]
    ),
    "scores": partial(draw_scores, np.arange(1, 21), VALUES),
    "search": partial(draw_search, [1.0, None, 2.0], {"a": 1.0}),
    "setting curves": partial(draw_setting_curves, [("a", [VALUES | {"epochs": np.arange(20.0)}])]),
    "side by side": partial(draw_side_by_side, [[Panel("a", IMAGE[0].numpy()), Panel("b", note="c")]]),
}
# Each of them once ended a drawing or changed its size or its looks.
HOSTILE = {
    "text.usetex": True,
    "savefig.bbox": "tight",
    "savefig.dpi": 300,
    "savefig.format": "svg",
    "savefig.transparent": True,
    "figure.dpi": 20,
    "figure.autolayout": True,
    "figure.constrained_layout.use": True,
    "font.size": 40,
    "font.family": ["no such font"],
    "axes.prop_cycle": matplotlib.cycler(color=["black"]),
    "axes.facecolor": "red",
    "image.cmap": "jet",
    "image.interpolation": "bilinear",
    "image.origin": "lower",
    "lines.linewidth": 20,
    "path.sketch": (1.0, 100.0, 2.0),
    "xtick.labelsize": 40,
    "legend.loc": "center",
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_pixels_do_not_depend_on_the_users_settings(name: str) -> None:
    expected = DRAWINGS[name]()
    with matplotlib.rc_context(HOSTILE):
        assert DRAWINGS[name]() == expected
        assert all(
            matplotlib.rcParams[key] == value for key, value in HOSTILE.items()
        )  # they stay the user's


def test_every_drawing_of_the_package_is_tried() -> None:
    package = vars(sys.modules["dcgan_lightning.pictures"])
    tried = {drawing.func for drawing in DRAWINGS.values()}  # type: ignore[attr-defined]
    assert tried == {function for name, function in package.items() if name.startswith("draw_")}


@pytest.mark.parametrize("backend", ["nope", "tkagg"])
def test_a_command_draws_whatever_backend_and_matplotlibrc_a_user_has(tmp_path: Path, backend: str) -> None:
    settings = tmp_path / "matplotlibrc"
    settings.write_bytes(b"text.usetex: True\n\xff")
    code = (
        "import sys; from dcgan_lightning.cli import run_command\n"
        "def command():\n"
        "    import torchmetrics\n"
        "    from dcgan_lightning.pictures import draw_search\n"
        "    sys.stdout.buffer.write(draw_search([1.0, None, 2.0], {'a': 1.0}))\n"
        "run_command(command)"
    )
    variables = os.environ | {"MPLBACKEND": backend, "MATPLOTLIBRC": str(settings)}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout == DRAWINGS["search"]()
