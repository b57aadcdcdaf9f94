import shutil
import signal
import warnings
from pathlib import Path

import pytest
import torch
from conftest import Compose

from dcgan_lightning.callbacks import LiveReport, TrackedFiles
from dcgan_lightning.core.errors import CollapsedError, RunFolderError
from dcgan_lightning.pictures import decode_png
from dcgan_lightning.reports import is_running_page
from dcgan_lightning.systems import DCGAN
from dcgan_lightning.train import train
from dcgan_lightning.training.closing import describe_end
from dcgan_lightning.training.opening import describe_iteration


def test_result(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("dcgan_lightning.train.START_SECONDS", 0.0)
    caplog.set_level("INFO")
    overrides = ("experiment=smoke", "callbacks=none", "logger=none", "trainer.max_epochs=1")
    result = train(compose_cfg(*overrides))
    assert result.folder == tmp_path / "run"
    assert "loading PyTorch: 0 s so far" in caplog.messages
    assert result.epochs == 1
    assert set(result.metrics) == {"gen_loss", "disc_loss", "real_accuracy", "fake_accuracy"}
    assert 0 < result.metrics["disc_loss"] < 3
    assert result.seconds > 0
    assert result.system(torch.zeros(2, 16)).shape == (2, 1, 28, 28)
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "config.yaml",
        "networks.txt",
        "report.html",
        "system.json",
    ]


def test_colour_images(compose_cfg: Compose, tmp_path: Path) -> None:
    colour = ("data.channels=3", "model.image_channels=3", "logger=tensorboard")
    result = train(
        compose_cfg("experiment=smoke", *colour, "callbacks.progress=null", "trainer.max_epochs=1")
    )
    assert result.epochs == 1
    grid = decode_png((tmp_path / "run/samples/sample_epoch_0001_iter_005.png").read_bytes())
    assert grid.shape == (488, 488, 3)
    assert (tmp_path / "run/fashion_mnist_dcgan.gif").exists()


def test_few_images_in_colour(compose_cfg: Compose, tmp_path: Path) -> None:
    """The recipe works without classes, with images of any size, and scores them."""
    data = ("data=synthetic", "data.count=140", "data.size=32", "data.channels=3", "logger=none")
    sizes = ("model.latent_dim=4", "model.generator_channels=[8,4]", "model.discriminator_channels=[4,6,8]")
    grid = ("callbacks.sample_grid.rows=2", "callbacks.sample_grid.columns=2", "callbacks.scores.count=140")
    result = train(compose_cfg("experiment=few_images", *data, *sizes, *grid, "trainer.max_epochs=2"))
    assert result.system.hparams["augmentation"] == ["translation"]
    assert result.system.augmentation_probability == 0.3
    assert result.score_epoch == 2
    assert decode_png((tmp_path / "run/samples/real.png").read_bytes()).shape[2] == 3
    assert (tmp_path / "run/checkpoints/best.ckpt").is_file()


def test_a_report_that_cannot_be_written_costs_a_line_and_no_training(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(folder: Path) -> None:
        raise ValueError("two\nlines")

    monkeypatch.setattr("dcgan_lightning.reports.write_report", fail)
    options = ("callbacks=checkpoint", "logger=none", "trainer.max_epochs=1")
    result = train(compose_cfg("experiment=smoke", *options))
    assert result.epochs == 1
    warnings = [record.message for record in caplog.records if record.levelname == "WARNING"]
    assert warnings == ["could not write the report: two lines"]


def test_no_page_says_that_an_ended_training_goes_on(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def fail_at_the_third(folder: Path) -> None:
        seen.append(is_running_page(tmp_path / "run" / "report.html"))
        if len(seen) == 3:
            raise RunFolderError("lost")

    monkeypatch.setattr(LiveReport.__init__, "__defaults__", (0.0, 1e9))
    monkeypatch.setattr("dcgan_lightning.callbacks.stop.check_ownership", fail_at_the_third)
    with pytest.raises(RunFolderError, match="lost"):
        train(compose_cfg("experiment=smoke", "callbacks=history", "logger=none"))
    assert seen == [True] * 3
    page = (tmp_path / "run" / "report.html").read_text()
    assert "data-state" not in page
    assert "Epoch 1 of 2" in page


def test_a_run_that_collapsed_leaves_a_report_too(compose_cfg: Compose, tmp_path: Path) -> None:
    collapse = ("callbacks=[history,collapse]", "callbacks.collapse.least_variety=1.0")
    with pytest.raises(CollapsedError):
        train(compose_cfg("experiment=smoke", *collapse, "callbacks.collapse.after_epochs=1", "logger=none"))
    assert "<h1>" in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize("wanted", [True, False])
def test_a_run_that_is_stopped_leaves_a_report_too(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: bool
) -> None:
    original = DCGAN.training_step

    def stop_in_the_third(self: DCGAN, batch: torch.Tensor, batch_idx: int) -> dict[str, torch.Tensor]:
        if batch_idx == 2:
            signal.raise_signal(signal.SIGTERM)
        return original(self, batch, batch_idx)

    monkeypatch.setattr(DCGAN, "training_step", stop_in_the_third)
    with pytest.raises(SystemExit):
        train(compose_cfg("experiment=smoke", "callbacks.progress=null", "logger=none", f"report={wanted}"))
    page = tmp_path / "run" / "report.html"
    assert page.exists() == wanted
    if wanted:
        assert "Epoch 1 of 2, 3 iterations" in page.read_text()


@pytest.mark.parametrize(
    ("overrides", "processes", "expected"),
    [
        ((), 1, "iteration: 256 images; epoch: 235 iterations; learning rates: generator 0.0001, "),
        ((), 4, "iteration: 256 images, 64 in each of 4 processes; epoch: 235 iterations; "),
        (("trainer.limit_train_batches=0.5",), 1, "epoch: 117 iterations"),
        (("data.batch_size=59999",), 1, "epoch: 1 iteration, the last one of 60000 images; learning"),
        (("trainer.limit_train_batches=300", "model.generator_lr=2e-4"), 1, "epoch: 235 iterations; learning "
         "rates: generator 0.0002, discriminator 0.0001"),
    ],
)  # fmt: skip
def test_an_iteration_is_described_over_all_processes(
    compose_cfg: Compose, overrides: tuple[str, ...], processes: int, expected: str
) -> None:
    assert expected in describe_iteration(compose_cfg(*overrides), 60_000, processes)


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("1.0", "4 iterations, the last one of 33 images"),
        ("4", "4 iterations, the last"),
        ("0.5", "2 iterations;"),
    ],
)
def test_an_image_left_over_is_described_if_it_is_trained_on(
    compose_cfg: Compose, limit: str, expected: str
) -> None:
    cfg = compose_cfg("data.batch_size=32", f"trainer.limit_train_batches={limit}")
    assert f"epoch: {expected}" in describe_iteration(cfg, 129, 1)


class AsksToStop(TrackedFiles):
    """A callback that ends the training in the middle of its second epoch."""

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx) -> None:
        trainer.should_stop = trainer.should_stop or (trainer.current_epoch, batch_idx) == (1, 2)


def test_a_run_that_a_callback_ends_is_counted_right_and_goes_on_exactly(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = ("experiment=smoke", "logger=none", "callbacks.film=null", "report=false")
    unbroken = train(compose_cfg(*small)).system.state_dict()
    shutil.rmtree(tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr("dcgan_lightning.training.loop.TrackedFiles", AsksToStop)
        result = train(compose_cfg(*small))
    assert (result.epochs, result.iterations) == (1, 3)
    said = describe_end(result.epochs, 5.0, True, result.iterations)
    assert said == "stopped by a callback at epoch 2, iteration 3 (5 s in this session)"
    result = train(compose_cfg(*small, "ckpt_path=last"))
    assert (result.epochs, result.iterations) == (2, 0)
    assert all(torch.equal(value, unbroken[name]) for name, value in result.system.state_dict().items())


def test_an_epoch_shorter_than_the_logging_interval_is_logged(compose_cfg: Compose, tmp_path: Path) -> None:
    cfg = compose_cfg("experiment=smoke", "logger=csv", "callbacks=none", "trainer.log_every_n_steps=50")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train(cfg)
    assert not [warning for warning in caught if "log_every_n_steps" in str(warning.message)]
    (table,) = tmp_path.glob("run/logs/csv/*/metrics.csv")
    assert len(table.read_text().splitlines()) == 1 + 2  # once in each epoch of 5 iterations
