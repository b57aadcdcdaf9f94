"""After a refusal, however late, the corrected command with the same name works."""

from pathlib import Path

import pytest
from conftest import Compose, files_below

from dcgan_lightning.callbacks import SampleGrid
from dcgan_lightning.config import parts
from dcgan_lightning.core.errors import DCGANError, DivergedError, MemoryLackError
from dcgan_lightning.train import train
from dcgan_lightning.training import start

SMOKE = ("experiment=smoke", "trainer.max_epochs=1", "callbacks.progress=null", "report=false")
LIGHTNINGS = "+callbacks.x._target_=pytorch_lightning.callbacks"
REFUSALS = [
    (
        "trainer.limit_train_batches=0.01",
        "trainer.limit_train_batches=0.01 leaves none of the 5",
    ),
    (f"{LIGHTNINGS}.StochasticWeightAveraging", "callbacks.x: StochasticWeightAveraging is not offered: it "),
    (
        f"{LIGHTNINGS}.EarlyStopping +callbacks.x.monitor=val_loss",
        "callbacks.x.monitor must be one of",
    ),
    (f"{LIGHTNINGS}.EarlyStopping", "callbacks.x.monitor is missing; set it with +callbacks.x.monitor="),
    (f"{LIGHTNINGS}.ThroughputMonitor", "callbacks.x.batch_size_fn is missing"),
    (
        f"{LIGHTNINGS}.LearningRateMonitor logger=none",
        "callbacks.x: Cannot use `LearningRateMonitor`",
    ),
    (f"{LIGHTNINGS}.DeviceStatsMonitor logger=none", "callbacks.x: Cannot use `DeviceStatsMonitor` callback"),
    (f"{LIGHTNINGS}.Nope", "callbacks.x: "),
    ("+callbacks.film.loops=2", "unknown key 'callbacks.film.loops'; --help lists all keys"),
    ("+callbacks.film.frames_ms=20", "did you mean 'callbacks.film.frame_ms'?"),
    (
        "callbacks=[default,scores] data.count=64",
        "(the anchors have 10,000); set callbacks.scores=null",
    ),
]


def test_the_name_is_free_after_every_refusal(compose_cfg: Compose, tmp_path: Path) -> None:
    for overrides, message in REFUSALS:
        with pytest.raises(DCGANError) as refusal:
            train(compose_cfg(*SMOKE, *overrides.split()))
        assert message in str(refusal.value)
        assert "\n" not in str(refusal.value)
        assert files_below(tmp_path) == set()
    result = train(compose_cfg(*SMOKE))
    assert result.epochs == 1


@pytest.mark.parametrize(
    ("choice", "part", "package", "extra"),
    [
        ("callbacks=[default,scores]", "callbacks.scores", "safetensors", "scores"),
        ("logger=[csv,wandb]", "logger.wandb", "wandb", "wandb"),
        ("logger=mlflow", "logger.mlflow", "mlflow", "mlflow"),
    ],
)
def test_a_missing_package_is_named_before_anything_starts(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    choice: str, part: str, package: str, extra: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(parts, "find_spec", lambda name: None)
    with pytest.raises(DCGANError) as refusal:
        train(compose_cfg(*SMOKE, choice))
    needed = f"{part} needs the package {package}, which is not installed"
    assert str(refusal.value) == f'{needed}; pip install -e ".[{extra}]"'
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("error", "kind", "stays"),
    [
        (RuntimeError("out of memory"), MemoryLackError, False),
        (DivergedError("gen_loss became nan"), DivergedError, True),
        (ZeroDivisionError("a bug"), ZeroDivisionError, False),
    ],
)
def test_a_start_that_fails_leaves_only_what_was_there(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    error: Exception, kind: type[Exception], stays: bool,
) -> None:  # fmt: skip
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(SampleGrid, "on_train_batch_end", fail)
    with pytest.raises(kind):
        train(compose_cfg(*SMOKE))
    assert bool(files_below(tmp_path)) == stays


def fail_at_start(folder: Path, has_started: bool) -> None:
    with start.starting({}, folder, lambda: has_started):
        (folder / "config.yaml").touch()
        (folder / "mine.txt").touch()
        raise ValueError("x")


def test_what_was_there_before_stays(tmp_path: Path) -> None:
    (tmp_path / "samples").mkdir()
    (tmp_path / "samples" / "mine.png").touch()
    for has_started, own in ((False, set()), (True, {"config.yaml"})):
        with pytest.raises(ValueError, match="x"):
            fail_at_start(tmp_path, has_started)
        assert files_below(tmp_path) == {"samples/mine.png", "mine.txt"} | own
