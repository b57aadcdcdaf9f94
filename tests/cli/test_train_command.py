"""The command line as a user types it: real processes."""

import csv
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import RunModule, files_below

from dcgan_lightning.core.shell import override

SMOKE_FILES = {
    "config.yaml",
    "networks.txt",
    "system.json",
    "report.html",
    "fashion_mnist_dcgan.gif",
    "checkpoints/epoch_0001.ckpt",
    "checkpoints/epoch_0002.ckpt",
    "checkpoints/last.ckpt",
    "history/figures.json",
    "history/history.csv",
    "history/train_history_0001.png",
    "history/train_history_0002.png",
    "logs/csv/version_0/hparams.yaml",
    "logs/csv/version_0/metrics.csv",
    "samples/real.png",
    "samples/untrained.png",
    *(
        f"samples/sample_epoch_000{epoch}_iter_00{iteration}.png"
        for epoch in (1, 2)
        for iteration in (1, 3, 5)
    ),
}


def test_smoke_run_and_its_continuation(run_module: RunModule, tmp_path: Path) -> None:
    first = run_module("dcgan_lightning.train", "experiment=smoke", "run_name=first")
    assert first.returncode == 0, first.stderr
    assert files_below(tmp_path) == {f"outputs/first/{name}" for name in SMOKE_FILES}
    assert "Total parameters: 20,744" in first.stdout
    assert "epoch 2/2 | 0 s left" in first.stdout
    assert "run_name=first ckpt_path=last" in first.stdout
    assert "open outputs/first/report.html in a browser" in first.stdout
    assert "make images with: python -m dcgan_lightning.generate ckpt_path=outputs/first\n" in first.stdout

    again = run_module("dcgan_lightning.train", "experiment=smoke", "run_name=first", warm=True)
    assert again.returncode == 1
    assert again.stderr.count("\n") == 1
    assert "already holds a run" in again.stderr

    arguments = ("run_name=first", "ckpt_path=last", "trainer.max_epochs=3")
    refused = run_module("dcgan_lightning.train", *arguments, "data.batch_size=64", warm=True)
    assert refused.returncode == 1
    assert "data.batch_size=32 (now 64), data.channels=1 (now not set)" in refused.stderr
    command = refused.stderr.strip().partition("; go on with: ")[2]
    whole = ("experiment=smoke", *arguments)
    assert command == " ".join(("python -m dcgan_lightning.train", *whole))
    resumed = run_module("dcgan_lightning.train", *whole, warm=True)
    assert resumed.returncode == 0, resumed.stderr
    assert "resuming after epoch 2" in resumed.stdout
    with open(tmp_path / "outputs" / "first" / "history" / "history.csv") as file:
        positions = [(row["epoch"], row["iteration"]) for row in csv.DictReader(file)]
    assert positions == [(str(epoch), str(iteration)) for epoch in (1, 2, 3) for iteration in range(1, 6)]
    logs = tmp_path / "outputs" / "first" / "logs" / "csv"
    assert [path.name for path in logs.iterdir()] == ["version_0"]  # the second session continues the table
    assert (logs / "version_0" / "metrics.csv").read_text().count("\n") == 1 + 15


def test_two_job_sweep(run_module: RunModule, tmp_path: Path) -> None:
    result = run_module(
        "dcgan_lightning.train",
        "-m",
        "experiment=smoke",
        "seed=0,1",
        "run_name=sweep",
        "trainer.max_epochs=1",
        warm=True,
    )
    assert result.returncode == 0, result.stderr
    one_epoch = {name for name in SMOKE_FILES if "0002" not in name}
    expected = {f"outputs/sweep/{job}/{name}" for job in (0, 1) for name in one_epoch}
    summary = ("multirun.yaml", "jobs/0.json", "jobs/1.json", "summary.csv", "grids.png", "curves.png")
    assert files_below(tmp_path) == expected | {f"outputs/sweep/{name}" for name in summary}
    histories = [
        (tmp_path / "outputs" / "sweep" / job / "history" / "history.csv").read_text() for job in "01"
    ]
    assert histories[0] != histories[1]
    assert "jobs: 2 finished" in result.stdout
    assert result.stdout.count("Network: generator (Generator)") == 1  # the first job shows them for all
    assert result.stdout.count("training on cpu (1 thread, set by OMP_NUM_THREADS)") == 2
    with open(tmp_path / "outputs" / "sweep" / "summary.csv") as file:
        rows = [*csv.DictReader(file)]
    assert [(row["run"], row["status"], row["seed"], row["epochs"]) for row in rows] == [
        ("0", "finished", "0", "1"),
        ("1", "finished", "1", "1"),
    ]


def test_a_sweep_goes_on_after_a_job_that_cannot_run(run_module: RunModule, tmp_path: Path) -> None:
    result = run_module(
        "dcgan_lightning.train", "-m", "experiment=smoke", "data.batch_size=0,16", "run_name=sweep",
        "trainer.max_epochs=1", warm=True,
    )  # fmt: skip
    assert result.returncode == 1
    assert "data.batch_size=0" in result.stderr
    assert "data.batch_size must be a whole number of at least 2; got 0" in result.stderr
    assert not (tmp_path / "outputs" / "sweep" / "0").exists()
    assert (tmp_path / "outputs" / "sweep" / "1" / "checkpoints" / "last.ckpt").exists()
    with open(tmp_path / "outputs" / "sweep" / "summary.csv") as file:
        rows = [*csv.DictReader(file)]
    assert [(row["status"], row["data.batch_size"]) for row in rows] == [("failed", "0"), ("finished", "16")]
    assert rows[0]["reason"] == "data.batch_size must be a whole number of at least 2; got 0"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer=gpu", "PyTorch finds no CUDA device; use trainer=auto or trainer=cpu"),
        ("+data.verify=true", "data=fashion_mnist and not to the data chosen here"),
    ],
)
def test_late_refusals_leave_nothing_either(
    run_module: RunModule, tmp_path: Path, override: str, message: str
) -> None:
    environment = {"CUDA_VISIBLE_DEVICES": ""}
    result = run_module("dcgan_lightning.train", "data=synthetic", override, env=environment, warm=True)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_one_line(run_module: RunModule, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run_module("dcgan_lightning.train", "experiment=smoke", "hydra.run.dir=file/run", warm=True)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert "file/run" in result.stderr


def test_the_traceback_can_be_had(run_module: RunModule) -> None:
    result = run_module("dcgan_lightning.train", "seed=-1", env={"HYDRA_FULL_ERROR": "1"})
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert "ConfigError: seed must be a whole number" in result.stderr


def test_help_explains_itself(run_module: RunModule, tmp_path: Path) -> None:
    result = run_module("dcgan_lightning.train", "--help")
    assert result.returncode == 0
    options = "sweep: learning_rates, optuna, seeds"
    for text in ("experiment=first_look", "ckpt_path=last", "max_epochs: 50", options):
        assert text in result.stdout
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real_data
def test_a_few_iterations_on_the_real_data(run_module: RunModule, tmp_path: Path) -> None:
    result = run_module(
        "dcgan_lightning.train", "run_name=real", "trainer=cpu", "trainer.max_epochs=1",
        "trainer.limit_train_batches=3", "model.generator_channels=[32,16,8]", "logger=none", warm=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "Fashion-MNIST: found in" in result.stdout
    run = tmp_path / "outputs" / "real"
    assert (run / "history" / "history.csv").read_text().count("\n") == 4
    assert {path.name for path in (run / "samples").iterdir()} == {
        "real.png",
        "untrained.png",
        "sample_epoch_0001_iter_001.png",
        "sample_epoch_0001_iter_003.png",
    }


def test_the_printed_command_goes_on_when_pasted(run_module: RunModule, tmp_path: Path) -> None:
    name = "it's [k=v], größe"
    (tmp_path / "my conf" / "experiment").mkdir(parents=True)
    (tmp_path / "my conf" / "experiment" / "own.yaml").write_text(
        "# @package _global_\ndefaults: [smoke, override /callbacks: checkpoint, override /logger: none]\n"
        "report: false\nseed: 3\ntrainer: {limit_train_batches: 2}\n"
    )
    first = run_module(
        "dcgan_lightning.train", "--config-dir", "my conf", "experiment=own", override("run_name", name),
        "trainer.max_epochs=1", "hydra.job.chdir=true", "hydra/job_logging=default", warm=True,
    )  # fmt: skip
    assert first.returncode == 0, first.stderr
    (line,) = [line for line in first.stdout.splitlines() if "train on with: python" in line]
    pasted = line.partition("train on with: python")[2].replace("max_epochs=11", "max_epochs=2")
    shell = ["sh", "-c", f"{shlex.quote(sys.executable)} {pasted}"]
    second = subprocess.run(shell, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert second.returncode == 0, second.stderr
    assert "resuming after epoch 1" in second.stdout
    assert [path.name for path in (tmp_path / "outputs").iterdir()] == [name]
    settings = yaml.safe_load((tmp_path / "outputs" / name / "config.yaml").read_text())
    assert (settings["seed"], settings["trainer"]["max_epochs"], settings["run_name"]) == (3, 2, name)


def test_hydras_own_settings_work(run_module: RunModule, tmp_path: Path) -> None:
    own = ("hydra.output_subdir=.hydra", "hydra/job_logging=default", "hydra.job.chdir=true")
    few = (
        "experiment=smoke",
        "trainer.limit_train_batches=1",
        "logger=none",
        "callbacks=none",
        "report=false",
    )
    # The corrected command with the same name works after a refusal, and refusals leave nothing of Hydra's.
    refused = run_module(
        "dcgan_lightning.train", *few, *own, "run_name=x", "ckpt_path=outputs/nope", warm=True
    )
    assert refused.returncode == 1
    assert "error: ckpt_path=outputs/nope: " in refused.stderr or "does not exist" in refused.stderr
    first = run_module("dcgan_lightning.train", *few, *own, "run_name=x", warm=True)
    assert first.returncode == 0, first.stderr
    assert files_below(tmp_path / "outputs") == {
        f"x/{name}" for name in ("config.yaml", "networks.txt", "system.json", "train.log")
    } | {f"x/.hydra/{name}.yaml" for name in ("config", "hydra", "overrides")}
    again = run_module("dcgan_lightning.train", *few, *own, "run_name=x", warm=True)
    assert again.returncode == 1
    assert "already holds a run" in again.stderr

    sweep = run_module("dcgan_lightning.train", *few, "-m", *own, "seed=0,1", "run_name=sweep", warm=True)
    assert sweep.returncode == 0, sweep.stderr
    assert "jobs: 2 finished" in sweep.stdout


@pytest.mark.parametrize("callbacks", ["none", "averaged_generator"])
def test_nothing_is_offered_without_checkpoints(
    run_module: RunModule, tmp_path: Path, callbacks: str
) -> None:
    result = run_module(
        "dcgan_lightning.train", "experiment=smoke", f"callbacks={callbacks}", "logger=none", "report=false",
        "trainer.max_epochs=1", "run_name=x", warm=True,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "train on with" not in result.stdout
    before, _, after = result.stdout.partition("done: 1 epoch")
    for part in (before, after):
        assert part.count("without callbacks.checkpoint no checkpoint is kept") == 1
