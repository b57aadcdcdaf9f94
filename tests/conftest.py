"""What all tests share. Nothing here needs a network, a GPU or more than two cores."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest
import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from reliability_processes import WarmProcess, environment

from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.train import train

Compose = Callable[..., DictConfig]
RunModule = Callable[..., subprocess.CompletedProcess[str]]


def pytest_collection_modifyitems(items: Sequence[pytest.Item]) -> None:
    if not torch.cuda.is_available():
        for item in items:
            if item.get_closest_marker("gpu"):
                item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(autouse=True, scope="session")
def _activated() -> None:
    """Printed commands call this interpreter by its path, unless a shell finds it as ``python``."""
    os.environ["PATH"] = os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]])


@pytest.fixture(autouse=True, scope="session")
def _deterministic_cublas() -> None:
    """PyTorch reads this at the first product on a CUDA card; ``trainer.deterministic=true`` needs it."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")


@pytest.fixture(autouse=True)
def _card_for_gpu_tests_only(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All other tests compute as they do on a machine without a card, also where a command would take one."""
    if not request.node.get_closest_marker("gpu"):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Small tensors gain nothing from more threads, and results stay the same everywhere."""
    torch.set_num_threads(1)


@pytest.fixture
def compose_cfg(tmp_path: Path) -> Compose:
    """Return a function: overrides to the main job's configuration, with the run folder in tmp_path/run."""

    def compose_with(*overrides: str, config_name: str = "train") -> DictConfig:
        with initialize_config_dir(CONF_DIR, version_base="1.3"):
            cfg = compose(config_name, overrides=list(overrides))
        if "paths" in cfg:
            cfg.paths.output_dir = str(tmp_path / "run")
        return cfg

    return compose_with


def train_into(folder: Path, *overrides: str) -> Path:
    """Train in this process and return the run's folder."""
    with initialize_config_dir(CONF_DIR, version_base="1.3"):
        cfg = compose("train", overrides=[*overrides, f"paths.output_dir={folder}"])
    train(cfg)
    return folder


def finished_run(name: str, *overrides: str) -> Callable[[pytest.TempPathFactory], Path]:
    """Return a fixture: the folder of a run that is trained once; tests leave it as it is."""

    @pytest.fixture(scope="session", name=name)
    def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
        return train_into(tmp_path_factory.mktemp(name) / "run", *overrides)

    return run


TINY_SNGAN = (
    "model=sngan",
    "model.classes=2",
    "model.generator_channels=[8,4]",
    "model.discriminator_channels=[4,6,8]",
)
TINY_PIX2PIX = (
    "experiment=pix2pix",
    "data=synthetic",
    "data.count=24",
    "data.batch_size=8",
    "model.generator_channels=[4,6,8]",
    "model.discriminator_channels=[4,6]",
    "callbacks.sample_grid.columns=3",
    "callbacks.sample_grid.rows=2",
    "trainer=cpu",
    "trainer.log_every_n_steps=1",
    "logger=none",
)
TINY_CYCLEGAN = (
    "experiment=cyclegan",
    "data=synthetic_domains",
    "data.count=20",
    "data.batch_size=8",
    "model.generator_channels=[4,6]",
    "model.blocks=1",
    "model.discriminator_channels=[4,6,8]",
    "model.pool_size=6",
    "trainer=cpu",
    "logger=none",
)
_SMOKE = ("experiment=smoke", "callbacks=[default,averaged_generator]", "logger=none")

trained_run = finished_run("trained_run", *_SMOKE)  # with an averaged generator
conditional_run = finished_run("conditional_run", *_SMOKE, *TINY_SNGAN)  # the same with two classes
# On made-up shapes.
pix2pix_run = finished_run("pix2pix_run", *TINY_PIX2PIX, "trainer.max_epochs=2")
cyclegan_run = finished_run("cyclegan_run", *TINY_CYCLEGAN, "trainer.max_epochs=1", "report=false")


@pytest.fixture
def run_module(tmp_path: Path) -> RunModule:
    """Return a function that runs ``python -m module arguments`` in tmp_path, as a user would.

    With ``warm`` the process is forked from one that has imported the libraries already (see `WarmProcess`),
    which saves most of the time of a short command.
    """

    def run(
        module: str, *arguments: str, env: dict[str, str] | None = None, warm: bool = False
    ) -> subprocess.CompletedProcess[str]:
        if warm:
            ended = WarmProcess(["-m", module, *arguments], tmp_path, environment() | (env or {})).finish()
            return subprocess.CompletedProcess(arguments, ended.returncode, ended.output, ended.errors)
        return subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=tmp_path,
            env=os.environ | {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""} | (env or {}),
            capture_output=True,
            text=True,
            timeout=300,
        )

    return run


def rows_of(table: Mapping[str, Mapping[str, str]]) -> list[tuple[str, str, str]]:
    """Return the cases of a test from a table of expected messages by what is run and its arguments."""
    return [(name, *case) for name, cases in table.items() for case in cases.items()]


def files_below(folder: Path) -> set[str]:
    """Return all files of a folder, with paths relative to it."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def leftover(folder: Path, name: str = "last.ckpt") -> Path:
    """Return the path of a temporary file or folder of a process that is gone."""
    code = (
        "import sys, pathlib; from dcgan_lightning.core.temporaries import temporary_path\n"
        "print(temporary_path(pathlib.Path(sys.argv[1]), sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, str(folder), name]
    return Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.rstrip("\n"))
