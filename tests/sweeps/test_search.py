"""A search by Optuna with a formula in place of the training, as a user would start it and go on with it."""

import contextlib
import os
import random
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from dcgan_lightning.config.resolvers import study_url
from dcgan_lightning.pictures import decode_png
from dcgan_lightning.runs.jobs import JobRecord, write_record
from dcgan_lightning.sweeps.search import Study, study_error, study_in_memory

SCRIPT = """
import math, pathlib
from dcgan_lightning import train as command
from dcgan_lightning.core.errors import DivergedError

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


def start(folder: Path, storage: str | None = "") -> None:
    """Start a search, as Hydra tells its callback."""
    sweeper = {
        "storage": study_url(str(folder)) if storage == "" else storage,
        "study_name": "search",
        "n_trials": 5,
        "sampler": {"seed": 0},
    }
    hydra = {"sweep": {"dir": str(folder)}, "sweeper": sweeper, "overrides": {"hydra": []}}
    Study().on_multirun_start(OmegaConf.create({"hydra": hydra}))


def refusal_of(folder: Path, storage: str | None = "") -> str:
    with pytest.raises(SystemExit) as caught:
        start(folder, storage)
    assert caught.value.code == 1
    assert "\n" not in str(caught.value.__cause__)
    return str(caught.value.__cause__)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Return the file of a study with two trials."""
    import optuna

    study = optuna.create_study(study_name="search", storage=study_url(str(tmp_path)))
    for value in (1.0, 2.0):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        study.tell(trial, value)
    start(tmp_path)
    return tmp_path / "study.db"


def drop_table(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE trials")
        database.commit()


def make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda path: path.write_text("not a database " * 99), "file is not a database"),
        (lambda path: path.write_bytes(path.read_bytes()[:20_000]), "database disk image is malformed"),
        (lambda path: path.write_bytes(path.read_bytes()[:5]), "file is not a database"),
        (drop_table, "there is no table trials"),
        (make_folder, "unable to open database file"),
    ],
)
def test_a_damaged_study_is_refused_in_a_line(
    study: Path, damage: Callable[[Path], object], reason: str
) -> None:
    damage(study)
    message = f"{study} cannot be read as a study: {reason}; restore the study, or choose another run_name"
    assert refusal_of(study.parent) == message


def test_random_bytes_in_a_study_are_refused_or_harmless(study: Path) -> None:
    good, draw = study.read_bytes(), random.Random(0)
    refused = 0
    for _ in range(20):
        damaged = bytearray(good)
        for _ in range(draw.choice([1, 100, 10_000])):
            damaged[draw.randrange(len(damaged))] = draw.randrange(256)
        study.write_bytes(damaged)
        causes = []
        try:
            start(study.parent)
        except SystemExit as error:
            causes.append(str(error.__cause__))
        assert all(str(study) in cause for cause in causes)
        refused += len(causes)
    assert refused > 5


def test_a_study_that_another_process_uses(study: Path) -> None:
    with contextlib.closing(sqlite3.connect(study, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert refusal_of(study.parent) == (
            f"{study} cannot be read as a study: database is locked; another process uses it: wait for it, "
            "or choose another run_name"
        )


@pytest.mark.parametrize("storage", ["", None])
def test_jobs_without_their_study(tmp_path: Path, storage: str | None) -> None:
    start(tmp_path, storage)
    write_record(tmp_path, JobRecord("0", ("seed=0",), 2))
    where = tmp_path / "study.db" if storage == "" else "hydra.sweeper.storage=null"
    assert refusal_of(tmp_path, storage).startswith(
        f"{where} holds no study, but {tmp_path} holds jobs; restore"
    )


def test_an_address_that_is_none(tmp_path: Path) -> None:
    assert refusal_of(tmp_path, "nowhere://x").startswith("hydra.sweeper.storage=nowhere://x cannot be read")


def test_the_study_is_in_the_folder_whatever_its_name(tmp_path: Path) -> None:
    import optuna

    draw = random.Random(0)
    signs = "?#%{}&=+;:@ '\"~$!()[],ü漢.ab"
    names = ["o?2", "a%41", "x#y", "{x}", "a b", "größe", "n" * 255]
    names += ["".join(draw.choices(signs, k=9)) + "z" for _ in range(4)]
    for name in names:
        folder = tmp_path / name
        folder.mkdir()
        for _ in range(2):  # made and found again
            storage = study_url(str(folder))
            study = optuna.create_study(study_name="search", storage=storage, load_if_exists=True)
            study.tell(study.ask(), 1.0)
        assert len(study.trials) == 2
        assert [path.name for path in folder.iterdir()] == ["study.db"], name
    assert len([*tmp_path.iterdir()]) == len(names)


def test_errors_of_the_storage_during_a_search_are_a_line(tmp_path: Path) -> None:
    import optuna
    from sqlalchemy.exc import OperationalError

    locked = OperationalError("INSERT", {}, sqlite3.OperationalError("database is locked"))
    wrapped = optuna.exceptions.StorageInternalError("An exception is raised during the commit.")
    wrapped.__cause__ = locked
    for error in (locked, wrapped):
        found = study_error(error, tmp_path)
        assert str(found) == (
            f"the study of {tmp_path} cannot be read or written: database is locked; another process uses "
            "it: wait for it, or choose another run_name"
        )
    assert study_error(ValueError("x"), tmp_path) is None
    assert study_error(None, tmp_path) is None


def test_a_search_in_memory_has_its_picture(tmp_path: Path) -> None:
    first = search(tmp_path, "hydra.sweeper.n_trials=2", "hydra.sweeper.storage=null", "run_name='o?2'")
    assert first.returncode == 0, first.stderr
    assert "2 trials, " in first.stdout
    folder = tmp_path / "outputs" / "o?2"
    assert decode_png((folder / "search.png").read_bytes()).shape[:2] == (400, 1200)
    assert not (folder / "study.db").exists()
    assert study_in_memory() is study_in_memory()


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
    refusal = "this study has other choices for a setting; give the same ones, or another run_name"
    assert other.stderr.endswith(f"error: {refusal}\n")
    assert "Traceback" not in other.stderr
