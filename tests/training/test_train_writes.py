"""A run that is killed between any two writes at the end of an epoch ends with the files of the unbroken run.

Before each rename the run's folder is copied: this is what a process that is killed there would leave.
"""

import copy
import csv
import os
import shutil
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from conftest import Compose, files_below

from dcgan_lightning.callbacks import Scores
from dcgan_lightning.callbacks import scores as scores_module
from dcgan_lightning.core import temporaries
from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.core.locks import LOCK_FILE
from dcgan_lightning.core.temporaries import is_temporary, temporary_path
from dcgan_lightning.train import train

LONG = os.environ.get("RELIABILITY_LONG") == "1"
RUN = (
    *("experiment=smoke", "callbacks=[default,averaged_generator,scores]", "callbacks.progress=null"),
    *("callbacks.scores.count=129", "callbacks.scores.averaged=false", "trainer.limit_train_batches=2"),
    *(
        "callbacks.checkpoint.every_n_epochs=2",
        "callbacks.history.background=false",
        "logger=[csv,tensorboard]",
    ),
)

SMALL = ("experiment=smoke", "callbacks.progress=null", "logger=none", "report=false")
SMALL = (*SMALL, "trainer.limit_train_batches=2", "callbacks.history.plot_every_n_epochs=0")


@pytest.fixture(autouse=True)
def _second_epoch_is_best(monkeypatch: pytest.MonkeyPatch) -> None:
    now = {"epoch": 0}
    measure = Scores._score

    def measured(self: Scores, trainer: Any, system: Any, epoch: int) -> dict[str, Any]:
        now["epoch"] = epoch
        return measure(self, trainer, system, epoch)

    def score(*arguments: object) -> dict[str, Any]:
        scores = dict.fromkeys(scores_module.SCORE_NAMES, 0.5)
        scores |= {"frechet_distance": {1: 3.0, 2: 1.0, 3: 2.0}[now["epoch"]], "class_divergence": 0.0}
        return scores | {"count": 129, "class_histogram": {"dress": 1.0}}

    monkeypatch.setattr(Scores, "_score", measured)
    monkeypatch.setattr(scores_module, "score_images", score)


class Copies:
    """Copies a run's folder before each rename, from a certain file on (None: from the start)."""

    def __init__(self, run: Path, folder: Path, first: str | None) -> None:
        self.run, self.folder, self.first = run, folder, first
        self.names: list[str] = []  # of the files that come next
        self._replace = os.replace

    def replace(self, source: str, target: Path) -> None:
        name = os.path.relpath(target, self.run)
        if self.names or self.first in (name, None):
            copy = self.folder / f"{len(self.names)}"
            shutil.copytree(self.run, copy, ignore=shutil.ignore_patterns(LOCK_FILE))
            orphan_temporaries(copy)
            self.names.append(name)
        self._replace(source, target)


def orphan_temporaries(folder: Path) -> None:
    """Give temporary files names of a process that is gone, as this one lives on."""
    for path in [path for path in folder.rglob("*") if is_temporary(path.name)]:
        with mock.patch.object(temporaries, "_start_of", return_value="1"):
            path.rename(temporary_path(path.parent, "x"))


def values_of(checkpoint: Path) -> dict[str, Any]:
    """Return all values in a checkpoint under their paths, without seconds."""
    found: dict[str, Any] = {}

    def add(value: Any, name: str) -> None:
        if isinstance(value, dict | list | tuple):
            for key, part in value.items() if isinstance(value, dict) else enumerate(value):
                add(part, f"{name}.{key}")
        else:
            found[name] = value

    content = torch.load(checkpoint, weights_only=True)
    content["callbacks"]["History"]["rows"][:, 2] = 0
    if "Scores" in content["callbacks"]:
        content["callbacks"]["Scores"]["rows"][:, 1] = 0
    add(content, "")
    return found


def logged(run: Path) -> dict[str, list[int]]:
    """Return the steps of each figure in the CSV files of all sessions, and those that TensorBoard shows."""
    from tensorboard.backend.event_processing.event_multiplexer import EventMultiplexer

    steps: dict[str, list[int]] = {}
    for path in sorted((run / "logs" / "csv").glob("*/metrics.csv")):
        with open(path, newline="") as file:
            for row in csv.DictReader(file):
                for name in (name for name, value in row.items() if value and name not in ("step", "epoch")):
                    steps.setdefault(f"csv {name}", []).append(int(row["step"]))
    everything = {"scalars": 0, "images": 0}
    shown = EventMultiplexer(size_guidance=everything)
    shown.AddRunsFromDirectory(str(run / "logs" / "tensorboard")).Reload()
    for session, tags in shown.Runs().items():
        for name in tags["scalars"]:
            steps.setdefault(f"curve {name}", []).extend(event.step for event in shown.Scalars(session, name))
        for name in tags["images"]:
            steps.setdefault(f"picture {name}", []).extend(
                event.step for event in shown.Images(session, name)
            )
    return steps


def assert_same_checkpoint(path: Path, other: Path, what: str) -> None:
    found, expected = values_of(path), values_of(other)
    assert found.keys() == expected.keys(), (what, path.name)
    for name, value in expected.items():
        same = torch.equal(found[name], value) if isinstance(value, torch.Tensor) else found[name] == value
        assert same, (what, path.name, name)


def assert_same_files(run: Path, unbroken: Path, what: str) -> None:
    names = {name for name in files_below(unbroken) if not name.startswith("logs/tensorboard/")}
    assert {name for name in files_below(run) if not name.startswith("logs/tensorboard/")} == names, what
    for name in names:
        if name.endswith((".png", ".gif", "metrics.csv")) and not name.endswith("scores.png"):
            assert (run / name).read_bytes() == (unbroken / name).read_bytes(), (what, name)
    for path in sorted((unbroken / "checkpoints").iterdir()):
        assert_same_checkpoint(run / "checkpoints" / path.name, path, what)
    assert logged(run) == logged(unbroken), what


@pytest.mark.parametrize("epochs", [2, 3])
def test_killed_between_any_two_writes(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs: int
) -> None:
    run = tmp_path / "run"
    copies = Copies(run, tmp_path / "copies", "samples/sample_epoch_0002_iter_002.png")
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", copies.replace)
        train(compose_cfg(*RUN, f"trainer.max_epochs={epochs}"))
    run.rename(tmp_path / "unbroken")
    end = ["checkpoints/last.ckpt", "checkpoints/epoch_0002.ckpt", "checkpoints/best.ckpt"]
    last = copies.names.index(end[0])
    assert copies.names[last : last + 3] == end, copies.names
    cfg = compose_cfg(*RUN, f"trainer.max_epochs={epochs}", "ckpt_path=last")
    for number, name in enumerate(copies.names):
        # In the short form not all that comes before last.ckpt, nor what a later epoch writes again.
        if LONG or last <= number <= last + 3 or (epochs == 2 and number not in range(1, last - 1)):
            (tmp_path / "copies" / f"{number}").rename(run)
            train(copy.deepcopy(cfg))
            assert_same_files(run, tmp_path / "unbroken", f"killed before {name}")
            shutil.rmtree(run)


def test_a_start_from_another_runs_checkpoint_that_was_killed_is_repeated(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, other = tmp_path / "run", tmp_path / "other"
    small = (*SMALL, "trainer.max_epochs=2")
    train(compose_cfg(*small, "trainer.max_epochs=1"))
    run.rename(other)
    copies = Copies(run, tmp_path / "copies", None)
    commands = {
        "the same": compose_cfg(*small, f"ckpt_path={other}/checkpoints/last.ckpt"),
        "last": compose_cfg(*small, "ckpt_path=last"),
    }
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", copies.replace)
        train(copy.deepcopy(commands["the same"]))
    run.rename(tmp_path / "unbroken")
    start = copies.names.index("checkpoints/last.ckpt", 1)  # the first of its own
    assert copies.names[:2] == ["checkpoints/last.ckpt", "config.yaml"]
    for number, name in enumerate(copies.names[: start + 1]):
        for what, command in commands.items():
            if what == "last" and number == 0:
                continue  # nothing is there yet, and this is said
            shutil.copytree(tmp_path / "copies" / f"{number}", run)
            assert train(copy.deepcopy(command)).epochs == 2, (name, what)
            for path in (run / "checkpoints").iterdir():
                assert_same_checkpoint(
                    path, tmp_path / "unbroken" / "checkpoints" / path.name, f"{name} {what}"
                )
            shutil.rmtree(run)
    shutil.copytree(tmp_path / "copies" / f"{start + 1}", run)  # with an epoch of its own
    with pytest.raises(RunFolderError, match=r"already holds a run.*ckpt_path=last"):
        train(copy.deepcopy(commands["the same"]))
