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
    if cfg.model.dropout > 0.4:
        raise DivergedError("gen_loss became nan")
    score = abs(math.log(cfg.model.generator_lr / 3e-4))
    return command.RunResult(folder=folder, epochs=1, seconds=0.0, metrics={}, system=None, score=score)

command.train = formula
command.main()
"""


def search(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    arguments = ("sweep=optuna", "run_name=search", *overrides)
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        cwd=folder, env=os.environ | {"OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_a_search_learns_survives_failures_and_goes_on(tmp_path: Path) -> None:
    first = search(tmp_path, "hydra.sweeper.n_trials=3")
    assert first.returncode == 0, first.stderr
    folder = tmp_path / "outputs" / "search"
    assert {path.name for path in folder.iterdir()} >= {"study.db", "search.png", "0", "2"}
    failed = first.stderr.count("Error executing job")
    assert failed > 0
    assert f"3 trials, {failed} of them failed; best score" in first.stdout
    picture = decode_png((folder / "search.png").read_bytes())
    assert picture.shape[:2] == (400, 1200)

    second = search(tmp_path, "hydra.sweeper.n_trials=4")
    assert second.returncode == 0, second.stderr
    assert "3 of 4 trials are done" in second.stdout
    failed += second.stderr.count("Error executing job")
    assert f"4 trials, {failed} of them failed; best score" in second.stdout
    assert not np.array_equal(picture, decode_png((folder / "search.png").read_bytes()))

    import optuna

    study = optuna.load_study(study_name="search", storage=f"sqlite:///{folder / 'study.db'}")
    values = [trial.value for trial in study.trials]
    assert sum(value is None for value in values) == failed
    assert f"best score {min(value for value in values if value is not None):.4g}" in second.stdout
    rates = [trial.params["model.generator_lr"] for trial in study.trials]
    assert len(set(rates)) == 4  # none is tried twice
    scored = [trial for trial, value in enumerate(values) if value is not None]
    assert {path.name for path in folder.iterdir() if path.is_dir()} >= set(map(str, scored))

    other = search(tmp_path, "hydra.sweeper.n_trials=5", "data.batch_size=choice(16,64)")
    assert other.returncode == 1
    refusal = "this study was begun with other choices for a setting; give the same ones, or another run_name"
    assert other.stderr.endswith(f"error: {refusal}\n")
    assert "Traceback" not in other.stderr
