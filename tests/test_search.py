"""A search by Optuna with a formula in place of the training, as a user would start it and go on with it."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from dcgan_lightning.pictures import decode_png

SCRIPT = """
import math, pathlib
from dcgan_lightning import train as command
from dcgan_lightning.errors import DivergedError

def formula(cfg):
    folder = pathlib.Path(cfg.paths.output_dir)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").touch()
    if cfg.model.dropout > FAILS_ABOVE:
        raise DivergedError("gen_loss became nan")
    score = abs(math.log(cfg.model.generator_lr / 3e-4))
    return command.RunResult(folder, 1, 0.0, {}, None, score)

command.train = formula
command.main()
"""


def search(folder: Path, *overrides: str, fails_above: float = 0.4) -> subprocess.CompletedProcess[str]:
    code = SCRIPT.replace("FAILS_ABOVE", str(fails_above))
    arguments = ("sweep=optuna", "run_name=search", *overrides)
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=folder, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_a_search_learns_survives_failures_and_goes_on(tmp_path: Path) -> None:
    first = search(tmp_path, "hydra.sweeper.n_trials=10")
    assert first.returncode == 0, first.stderr
    folder = tmp_path / "outputs" / "search"
    assert {path.name for path in folder.iterdir()} >= {"study.db", "search.png", *map(str, range(9))}
    failed = first.stderr.count("Error executing job")
    assert failed > 0
    assert f"10 trials, {failed} of them failed; best score" in first.stdout
    picture = decode_png((folder / "search.png").read_bytes())
    assert picture.shape[:2] == (400, 1200)

    second = search(tmp_path, "hydra.sweeper.n_trials=12")
    assert second.returncode == 0, second.stderr
    assert "10 of 12 trials are done" in second.stdout
    assert "12 trials, " in second.stdout
    assert sorted(path.name for path in (folder / "after_10").iterdir()) == ["0", "1"]
    assert not np.array_equal(picture, decode_png((folder / "search.png").read_bytes()))

    import optuna

    study = optuna.load_study("search", f"sqlite:///{folder / 'study.db'}")
    values = [trial.value for trial in study.trials]
    assert sum(value is None for value in values) == failed
    assert f"best score {min(value for value in values if value is not None):.4g}" in second.stdout
    rates = [trial.params["model.generator_lr"] for trial in study.trials]
    assert len(set(rates)) == 12  # none is tried twice


def test_a_search_without_any_score_is_one_line(tmp_path: Path) -> None:
    result = search(tmp_path, "hydra.sweeper.n_trials=2", fails_above=-1.0)
    assert result.returncode == 1
    assert result.stderr.endswith("error: no job of this search gave a score; see above what ended them\n")
