"""A system outside the package, unlike its GANs, served by the real commands without a line in the package.

It is in the folder ``foreign``: two generators, a frozen network, SGD beside Adam over parts of one network,
three figures with units of their own, classes, 32 x 32 colour images (see `foreign_system.py`).
"""

import csv
import json
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Compose, files_below
from reliability_processes import ColdProcess, Finished, WarmProcess, environment

from dcgan_lightning.core.errors import CheckpointError
from dcgan_lightning.evaluate import evaluate
from dcgan_lightning.export import export
from dcgan_lightning.generate import generate
from dcgan_lightning.pictures import decode_gif, decode_png

TESTS = Path(__file__).parents[1]
FOREIGN, FAULTS = TESTS / "systems" / "foreign", TESTS / "reliability" / "faults"
TWINS = (
    f"--config-dir={FOREIGN / 'conf'}", "model=twins", "data=tiles", "trainer=cpu", "logger=none",
    "callbacks=[default,averaged_generator]", "callbacks.sample_grid.every_n_iterations=3",
    "callbacks.checkpoint.every_n_iterations=2", "callbacks.history.plot_every_n_epochs=0",
    "callbacks.progress.line_seconds=1000", "trainer.log_every_n_steps=1",
    "+callbacks.early={_target_:pytorch_lightning.callbacks.EarlyStopping,monitor:painter_gap,patience:9}",
)  # fmt: skip
FIGURES = ["painter_gap", "sketcher_gap", "twin_cosine"]
ITERATIONS = 6  # an epoch: 44 images, 8 an iteration, the last with 4


def run(
    folder: Path, module: str, *arguments: str, faults: dict[str, Any] | None = None, warm: bool = True
) -> Finished:
    """Run a command in a folder as a user would, in processes that know the foreign system."""
    variables = environment(*map(str, (FOREIGN, FAULTS)))
    variables |= {"RELIABILITY_FAULTS": json.dumps(faults)} if faults else {}
    command = ["-m", f"dcgan_lightning.{module}", *arguments]
    if warm:
        return WarmProcess(command, folder, variables).finish()
    return ColdProcess([sys.executable, *command], cwd=folder, env=variables).finish()


def done(ended: Finished) -> str:
    assert ended.returncode == 0, ended.errors
    return ended.output


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which two epochs have been trained as outputs/whole."""
    folder = tmp_path_factory.mktemp("foreign")
    done(run(folder, "train", *TWINS, "run_name=whole", "trainer.max_epochs=2", warm=False))
    return folder


@pytest.fixture(scope="module")
def whole(work: Path) -> Path:
    return work / "outputs" / "whole"


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def checkpoint(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = torch.load(folder / "checkpoints" / "last.ckpt", weights_only=True)
    return content


def test_history_and_curves_are_of_its_own_figures(whole: Path) -> None:
    rows = table(whole / "history" / "history.csv")
    assert [*rows[0]] == ["epoch", "iteration", "seconds", *FIGURES]
    assert [(row["epoch"], row["iteration"]) for row in rows] == [
        (str(epoch), str(iteration)) for epoch in (1, 2) for iteration in range(1, ITERATIONS + 1)
    ]
    # Both learn: this is no course that an untrained pair would have.
    for name in FIGURES[:2]:
        course = [float(row[name]) for row in rows]
        assert np.mean(course[-3:]) < 0.9 * np.mean(course[:3]), name
    figures = json.loads((whole / "history" / "figures.json").read_text())
    assert [(figure["name"], figure["unit"]) for figure in figures] == [
        ("painter_gap", "squared distance (features)"),
        ("sketcher_gap", "squared distance (features)"),
        ("twin_cosine", "cosine"),
    ]
    picture = decode_png((whole / "history" / "train_history_0002.png").read_bytes())
    assert picture.ndim == 3
    assert picture.shape[0] > 600  # two panels


def test_grids_and_film_are_in_colour(whole: Path) -> None:
    names = {f"sample_epoch_000{epoch}_iter_00{iteration}.png" for epoch in (1, 2) for iteration in (1, 4, 6)}
    assert files_below(whole / "samples") == names | {"real.png", "untrained.png"}
    for name in ("real.png", "sample_epoch_0002_iter_006.png"):
        picture = decode_png((whole / "samples" / name).read_bytes())
        assert picture.shape == (4 * (4 * 34 + 2), 4 * (4 * 34 + 2), 3), name
        assert picture.std(axis=2).mean() > 10, name  # not grey
    assert len(decode_gif((whole / "fashion_mnist_dcgan.gif").read_bytes())[0]) >= 2


def test_the_summary_and_the_report_name_what_it_has(whole: Path) -> None:
    networks = (whole / "networks.txt").read_text()
    names = ["painter (Painter)", "sketcher (Sketcher)", "observer (Sequential)"]
    assert re.findall("^Network: (.+)$", networks, re.MULTILINE) == names
    assert "Trainable parameters: 0\nNon-trainable parameters: 1,158\n" in networks  # the frozen one
    page = (whole / "report.html").read_text()
    for part in ("Twins, report of a run", "Painter", "Sketcher", "cosine", "0.01 and 0.5"):
        assert part in page, part
    for part in ("gen_loss", "garment", "from noise", "mode=atlas", "dcgan_lightning.evaluate", "DCGAN"):
        assert part not in page, part
    facts = json.loads((whole / "system.json").read_text())
    assert facts == {"name": "Twins", "inputs": None, "panels": ["image"]}


def test_the_checkpoint_holds_each_optimizer_as_it_is(whole: Path) -> None:
    sgd, adam = checkpoint(whole)["optimizer_states"]
    assert {*sgd["state"][0]} == {"momentum_buffer"}
    assert [group["lr"] for group in sgd["param_groups"]] == [0.5, 0.01]
    assert {*adam["state"][0]} == {"step", "exp_avg", "exp_avg_sq"}
    assert (len(sgd["state"]), len(adam["state"])) == (4, 4)  # none for the frozen network


def test_a_killed_run_goes_on_to_the_same_bit(work: Path, whole: Path) -> None:
    """Killed within the second epoch, between the steps of an iteration."""
    arguments = (*TWINS, "run_name=killed", "trainer.max_epochs=2")
    killed = run(work, "train", *arguments, faults={"action": "sigkill", "point": "between", "at": [1, 3]})
    assert killed.returncode == -signal.SIGKILL
    folder = work / "outputs" / "killed"
    assert not (folder / "samples" / "sample_epoch_0002_iter_006.png").exists()
    output = done(run(work, "train", *arguments, "ckpt_path=last"))
    assert "resuming after epoch 2, iteration 2 of " in output
    assert_same(folder, whole)


def assert_same(folder: Path, other: Path) -> None:
    """Compare weights, averages, optimizers' states, figures and pictures bit by bit."""
    first, second = map(checkpoint, (folder, other))
    for part in ("state_dict", "optimizer_states"):
        assert_equal(first[part], second[part], part)
    assert_equal(first["callbacks"]["AveragedGenerator"], second["callbacks"]["AveragedGenerator"], "average")
    histories = [
        [
            [row[name] for name in ("epoch", "iteration", *FIGURES)]
            for row in table(run / "history/history.csv")
        ]
        for run in (folder, other)
    ]
    assert histories[0] == histories[1]
    pictures = {name for name in files_below(other) if name.endswith((".png", ".gif"))}
    assert pictures == {name for name in files_below(folder) if name.endswith((".png", ".gif"))}
    for name in pictures:
        assert (folder / name).read_bytes() == (other / name).read_bytes(), name


def assert_equal(first: Any, second: Any, name: str) -> None:
    """Compare nested values; the order of a dictionary's keys has no meaning."""
    assert type(first) is type(second), name
    if isinstance(first, dict):
        assert first.keys() == second.keys(), name
        for key in first:
            assert_equal(first[key], second[key], f"{name}.{key}")
    elif isinstance(first, list | tuple):
        assert len(first) == len(second), name
        for index, (one, other) in enumerate(zip(first, second, strict=True)):
            assert_equal(one, other, f"{name}.{index}")
    else:
        assert torch.equal(first, second) if isinstance(first, torch.Tensor) else first == second, name


def test_two_processes_have_the_same_weights(work: Path, tmp_path: Path) -> None:
    arguments = [*TWINS, "trainer=ddp_cpu", "run_name=two", "trainer.max_epochs=1"]
    faults = {"action": "wait", "digests": str(tmp_path)}
    output = done(run(work, "train", *arguments, faults=faults))
    assert "iteration: 8 images, 4 in each of 2 processes" in output
    digests = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert {*digests} == {"rank_0.txt", "rank_1.txt"}
    assert len({*digests.values()}) == 1
    assert len(table(work / "outputs" / "two" / "history" / "history.csv")) == ITERATIONS


def test_a_sweep_and_a_comparison(work: Path) -> None:
    arguments = [*TWINS, "report=false", "callbacks.film=null", "run_name=sweep", "trainer.max_epochs=1"]
    output = done(run(work, "train", "-m", *arguments, "model.painter_lr=0.01,0.04"))
    assert "jobs: 2 finished" in output
    sweep = work / "outputs" / "sweep"
    rows = table(sweep / "summary.csv")
    assert [row["painter_lr" if "painter_lr" in row else "model.painter_lr"] for row in rows] == [
        "0.01",
        "0.04",
    ]
    assert all(float(row[name]) == pytest.approx(final(sweep / row["run"], name), rel=1e-5)
               for row in rows for name in FIGURES)  # fmt: skip
    output = done(run(work, "compare", "outputs/sweep", "outputs/whole", "output_dir=both"))
    assert "painter_gap: median" in output
    assert files_below(work / "both") == {"summary.csv", "grids.png", "curves.png"}
    assert len(table(work / "both" / "summary.csv")) == 3


def final(folder: Path, name: str) -> float:
    """Return the mean of a figure over the last epoch."""
    return float(np.mean([float(row[name]) for row in table(folder / "history" / "history.csv")]))


@pytest.mark.parametrize("command", [generate, evaluate, export], ids=lambda command: command.__name__)
def test_what_needs_one_generator_refuses_it_by_name(
    whole: Path, compose_cfg: Compose, command: Callable[[Any], Any]
) -> None:
    before = files_below(whole)
    cfg = compose_cfg(f"ckpt_path={whole}", config_name=command.__name__)
    with pytest.raises(CheckpointError, match=r"^[^\n]*systems\.Twins has no generator that makes images"):
        command(cfg)
    assert files_below(whole) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["model.momentum=1.5"], "model.momentum must be"),
        (["+model.betas=[0.5,0.9]"], "unknown key 'model.betas'"),
        (["data.batch_size=2"], "data.batch_size must be at least model.classes"),
    ],
    ids=["rule", "key", "combination"],
)
def test_wrong_settings_are_refused(work: Path, arguments: Sequence[str], message: str) -> None:
    result = run(work, "train", *TWINS, "run_name=refused", *arguments)
    assert result.returncode == 1
    assert message in result.errors
    assert result.errors.count("\n") == 1
    assert not (work / "outputs" / "refused").exists()
