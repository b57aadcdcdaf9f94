"""A run that was stopped and goes on is the run that never stopped, to the last bit."""

import os
import shlex
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Compose, files_below, leftover, train_into
from equal_runs import assert_same_run, bytes_of, history

from dcgan_lightning.core.errors import CheckpointError, ConfigError, RunFolderError
from dcgan_lightning.pictures import decode_gif, decode_png
from dcgan_lightning.train import train
from dcgan_lightning.training.fingerprint import fingerprint
from dcgan_lightning.training.printed_commands import (
    continue_command,
    continue_sweep_command,
    corrected_command,
    encode_given,
    read_given,
)
from dcgan_lightning.training.resume import check_folder, find_checkpoint

SMOKE = ("experiment=smoke", "callbacks.progress=null", "logger=none")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train_into(tmp_path_factory.mktemp("original") / "run", *SMOKE, "trainer.max_epochs=4")


@pytest.fixture
def unbroken(original: Path, tmp_path: Path) -> Path:
    """Return a copy of the run that was never stopped."""
    return shutil.copytree(original, tmp_path / "unbroken")


def test_two_and_two_epochs_are_four(compose_cfg: Compose, tmp_path: Path, unbroken: Path) -> None:
    train(compose_cfg(*SMOKE, "trainer.max_epochs=2"))
    torch.manual_seed(123)  # nothing depends on the global generator
    result = train(compose_cfg(*SMOKE, "trainer.max_epochs=4", "ckpt_path=last"))
    assert result.epochs == 4
    assert_same_run(tmp_path / "run", unbroken)


def test_stopped_before_the_generator_has_learnt(compose_cfg: Compose, tmp_path: Path) -> None:
    """It learns in every seventh iteration; after the five of an epoch its Adam has no moments yet."""
    options = (*SMOKE, "model.discriminator_steps=7", "report=false")
    train(compose_cfg(*options, "trainer.max_epochs=2"))
    (tmp_path / "run").rename(tmp_path / "unbroken")
    train(compose_cfg(*options, "trainer.max_epochs=1"))
    train(compose_cfg(*options, "trainer.max_epochs=2", "ckpt_path=last"))
    assert_same_run(tmp_path / "run", tmp_path / "unbroken")


def test_with_products_in_bfloat16(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    channels = ("model.generator_channels=[64,32,64]", "model.discriminator_channels=[32,64]")
    options = (*SMOKE, *channels, "data.batch_size=64", "model.fast_paths=bfloat16", "report=false")
    with monkeypatch.context() as without:
        without.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
        with pytest.raises(ConfigError, match="this CPU has no bfloat16 instructions"):
            train(compose_cfg(*options))
    assert not (tmp_path / "run").exists()
    train(compose_cfg(*options, "trainer.max_epochs=2"))
    (tmp_path / "run").rename(tmp_path / "unbroken")
    train(compose_cfg(*options, "trainer.max_epochs=1"))
    train(compose_cfg(*options, "trainer.max_epochs=2", "ckpt_path=last"))
    assert_same_run(tmp_path / "run", tmp_path / "unbroken")


@pytest.mark.parametrize("iteration", [1, 3, 5])
def test_stopped_within_an_epoch(
    compose_cfg: Compose, tmp_path: Path, unbroken: Path, iteration: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dcgan_lightning.systems import DCGAN

    original = DCGAN.training_step

    def step_until_killed(self: DCGAN, batch: torch.Tensor, batch_idx: int) -> dict[str, torch.Tensor]:
        if (self.current_epoch, batch_idx) == (2, iteration):
            raise RuntimeError("killed by the test")
        return original(self, batch, batch_idx)

    options = (*SMOKE, "trainer.max_epochs=4", "callbacks.checkpoint.every_n_iterations=2")
    monkeypatch.setattr(DCGAN, "training_step", step_until_killed)
    if iteration == 5:  # an epoch has five: nothing stops this run, which saves within epochs all the same
        train(compose_cfg(*options))
    else:
        with pytest.raises(RuntimeError, match="killed by the test"):
            train(compose_cfg(*options))
        monkeypatch.undo()
        train(compose_cfg(*options, "ckpt_path=last"))
    assert_same_run(tmp_path / "run", unbroken)


def test_from_a_file_into_a_new_folder(compose_cfg: Compose, tmp_path: Path, unbroken: Path) -> None:
    checkpoint = unbroken / "checkpoints" / "epoch_0002.ckpt"
    train(compose_cfg(*SMOKE, "trainer.max_epochs=4", f"ckpt_path={checkpoint}"))
    np.testing.assert_array_equal(history(tmp_path / "run"), history(unbroken))
    film = "fashion_mnist_dcgan.gif"  # whole, though the new folder has half of the grids
    assert (tmp_path / "run" / film).read_bytes() == (unbroken / film).read_bytes()


def test_a_finished_run_in_a_new_folder_goes_on_from_there(
    compose_cfg: Compose, tmp_path: Path, unbroken: Path
) -> None:
    train(compose_cfg(*SMOKE, "trainer.max_epochs=4", f"ckpt_path={unbroken}"))  # nothing left to train
    shutil.rmtree(unbroken)
    assert train(compose_cfg(*SMOKE, "trainer.max_epochs=5", "ckpt_path=last")).epochs == 5
    assert history(tmp_path / "run").shape[0] == 25


def test_a_runs_folder_is_a_checkpoint_too(compose_cfg: Compose, unbroken: Path) -> None:
    result = train(compose_cfg(*SMOKE, "trainer.max_epochs=5", f"ckpt_path={unbroken}"))
    assert result.epochs == 5
    assert result.has_trained


def test_a_finished_run_gets_its_missing_files_without_training(
    compose_cfg: Compose, tmp_path: Path, unbroken: Path
) -> None:
    shutil.copytree(unbroken, tmp_path / "run")
    for name in ("fashion_mnist_dcgan.gif", "history/history.csv", "history/train_history_0004.png"):
        (tmp_path / "run" / name).unlink()
    result = train(compose_cfg(*SMOKE, "trainer.max_epochs=4", "ckpt_path=last"))
    assert result.epochs == 4
    assert not result.has_trained
    assert_same_run(tmp_path / "run", unbroken)
    before = bytes_of(tmp_path / "run")
    train(compose_cfg(*SMOKE, "trainer.max_epochs=4", "ckpt_path=last", "logger=[csv,tensorboard]"))
    assert bytes_of(tmp_path / "run") == before  # the loggers add nothing either


def test_other_settings_are_refused(compose_cfg: Compose, unbroken: Path) -> None:
    overrides = ("model.dropout=0.1", "seed=1", f"ckpt_path={unbroken}", "trainer.max_epochs=5")
    with pytest.raises(ConfigError, match=r"model.dropout=0.3 \(now 0.1\).* seed=0 \(now 1\)"):
        train(compose_cfg(*SMOKE, *overrides))


def test_fewer_epochs_than_done_are_refused(compose_cfg: Compose, unbroken: Path) -> None:
    with pytest.raises(ConfigError, match=r"trainer.max_epochs=3, but .*last.ckpt is already at epoch 4"):
        train(compose_cfg(*SMOKE, f"ckpt_path={unbroken}", "trainer.max_epochs=3"))


def test_a_new_run_never_writes_into_an_old_one(compose_cfg: Compose, tmp_path: Path, unbroken: Path) -> None:
    unbroken.rename(tmp_path / "run")
    before = files_below(tmp_path)
    with pytest.raises(RunFolderError, match=r"already holds a run.*ckpt_path=last"):
        train(compose_cfg(*SMOKE))
    assert files_below(tmp_path) == before


@pytest.mark.parametrize("ckpt_path", ["auto", "last"])
def test_a_run_without_a_checkpoint_yet_starts_at_its_beginning(
    compose_cfg: Compose, tmp_path: Path, unbroken: Path, ckpt_path: str
) -> None:
    shutil.copytree(unbroken, tmp_path / "run")
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        path.unlink()
    train(compose_cfg(*SMOKE, "trainer.max_epochs=4", f"ckpt_path={ckpt_path}"))
    assert_same_run(tmp_path / "run", unbroken)


@pytest.mark.parametrize(
    ("linked", "ckpt_path"),
    [("checkpoints", "last"), ("checkpoints", "file"), ("checkpoints/last.ckpt", "last"), (".", "last")],
)
def test_a_folder_linked_to_another_disk_is_the_runs_own(
    compose_cfg: Compose, tmp_path: Path, unbroken: Path, linked: str, ckpt_path: str
) -> None:
    disk = tmp_path / "disk"
    shutil.copytree(unbroken, tmp_path / "run")
    (tmp_path / "run" / linked).rename(disk)
    (tmp_path / "run" / linked).symlink_to(disk)
    given = {"last": "last", "file": f"{tmp_path}/run/checkpoints/last.ckpt"}[ckpt_path]
    assert train(compose_cfg(*SMOKE, "trainer.max_epochs=5", f"ckpt_path={given}")).epochs == 5
    if linked == "checkpoints":
        assert (tmp_path / "run" / "checkpoints").is_symlink()
        assert (disk / "epoch_0005.ckpt").is_file()


def test_auto_starts_and_goes_on(compose_cfg: Compose, tmp_path: Path, unbroken: Path) -> None:
    for max_epochs in (1, 4):
        train(compose_cfg(*SMOKE, f"trainer.max_epochs={max_epochs}", "ckpt_path=auto"))
    assert_same_run(tmp_path / "run", unbroken)


def test_auto_takes_no_folder_that_holds_something_else(compose_cfg: Compose, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "thesis.txt").touch()
    with pytest.raises(RunFolderError, match="already holds a run"):
        train(compose_cfg(*SMOKE, "ckpt_path=auto"))
    (tmp_path / "run" / "thesis.txt").rename(tmp_path / "run" / ".tmp-config.yaml-x")  # an earlier version's
    killed_very_early = leftover(tmp_path / "run", "config.yaml")
    killed_very_early.touch()
    assert train(compose_cfg(*SMOKE, "ckpt_path=auto", "trainer.max_epochs=1")).epochs == 1
    assert (tmp_path / "run" / ".tmp-config.yaml-x").exists()  # perhaps not ours
    assert not killed_very_early.exists()


def test_another_environment_is_said(
    compose_cfg: Compose, unbroken: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = unbroken / "checkpoints" / "last.ckpt"
    checkpoint = torch.load(path, weights_only=True)
    checkpoint["environment"] = {"torch": "1.0", "device": "cpu", "threads": 7}
    torch.save(checkpoint, path)
    train(compose_cfg(*SMOKE, "trainer.max_epochs=5", f"ckpt_path={path}"))
    warning = next(record.message for record in caplog.records if "not bit-identical" in record.message)
    assert f"torch=1.0 (now {torch.__version__}), threads=7 (now 1)" in warning


def test_another_number_of_processes_is_refused(compose_cfg: Compose, unbroken: Path) -> None:
    options = (*SMOKE, "trainer=ddp_cpu", "trainer.max_epochs=5", f"ckpt_path={unbroken}")
    with pytest.raises(ConfigError, match=r"made with other settings: processes=1 \(now 2\)"):
        train(compose_cfg(*options))


@pytest.mark.parametrize(
    ("ckpt_path", "message"),
    [
        ("last", "ckpt_path=last needs the run_name of a run to continue; .* holds none"),
        ("no.ckpt", "ckpt_path=no.ckpt does not exist"),
        ("'https://example.com/x.ckpt'", "must be a local file"),
    ],
)
def test_nothing_to_go_on_with(compose_cfg: Compose, tmp_path: Path, ckpt_path: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        train(compose_cfg(*SMOKE, f"ckpt_path={ckpt_path}"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("is_named", [True, False])
def test_the_newest_run_is_suggested(tmp_path: Path, is_named: bool) -> None:
    for age, name in ((300, "old"), (100, "new run"), (200, "middle")):
        file = tmp_path / name / "checkpoints" / "last.ckpt"
        file.parent.mkdir(parents=True)
        file.touch()
        os.utime(file, (1e9 - age, 1e9 - age))
    (tmp_path / "empty" / "checkpoints").mkdir(parents=True)
    run = tmp_path / "2026-01-01_00-00-00"
    with pytest.raises(ConfigError) as refusal:
        find_checkpoint("last", run, is_named)
    what = f"{run} holds no run to continue" if is_named else "needs the run_name of a run to continue"
    assert what in str(refusal.value)
    assert str(refusal.value).endswith("; the newest is \"run_name='new run'\"")


def test_an_explicit_damaged_file_is_refused(compose_cfg: Compose, tmp_path: Path) -> None:
    (tmp_path / "x.ckpt").write_bytes(b"damaged")
    with pytest.raises(CheckpointError, match=r"x\.ckpt cannot be read"):
        train(compose_cfg(*SMOKE, f"ckpt_path={tmp_path}/x.ckpt"))


@pytest.mark.parametrize("iteration", [1, 3, 5])
@pytest.mark.parametrize(
    ("number", "ending"),
    [(signal.SIGTERM, SystemExit), (signal.SIGINT, KeyboardInterrupt)],
    ids=["term", "int"],
)
def test_stopped_by_a_signal_repeats_nothing(
    compose_cfg: Compose,
    tmp_path: Path,
    unbroken: Path,
    monkeypatch: pytest.MonkeyPatch,
    iteration: int,
    number: signal.Signals,
    ending: type[BaseException],
) -> None:
    from dcgan_lightning.systems import DCGAN

    original = DCGAN.training_step
    steps: list[tuple[int, int]] = []

    def step(self: DCGAN, batch: torch.Tensor, batch_idx: int) -> dict[str, torch.Tensor]:
        steps.append((self.current_epoch, batch_idx))
        if (self.current_epoch, batch_idx) == (2, iteration - 1) and len(steps) <= 10 + iteration:
            signal.raise_signal(number)
        return original(self, batch, batch_idx)

    monkeypatch.setattr(DCGAN, "training_step", step)
    with pytest.raises(ending) as stopped:
        train(compose_cfg(*SMOKE, "trainer.max_epochs=4"))
    if ending is SystemExit:
        assert stopped.value.code == 143
    assert len(steps) == 10 + iteration
    assert (tmp_path / "run" / "fashion_mnist_dcgan.gif").exists()
    assert len(history(tmp_path / "run")) == 10 + iteration
    for name in (tmp_path / "run" / "history").glob("*.png"):
        if name.stem == "train_history_0003" and iteration < 5:
            name.unlink()  # of the unfinished epoch; it is drawn again at its end
    train(compose_cfg(*SMOKE, "trainer.max_epochs=4", "ckpt_path=last"))
    assert steps == [(epoch, index) for epoch in range(4) for index in range(5)]
    assert_same_run(tmp_path / "run", unbroken)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_continue_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    overrides = ["seed=1", "logger=[csv,tensorboard]", "run_name=x", "trainer.max_epochs=2", "ckpt_path=last"]
    assert continue_command(tmp_path / "outputs/sweep/0", overrides, 9) == (
        "python -m dcgan_lightning.train seed=1 'logger=[csv,tensorboard]' run_name=sweep/0 ckpt_path=last "
        "trainer.max_epochs=9"
    )
    assert f"hydra.run.dir={tmp_path}/other" in continue_command(tmp_path / "other", [], 9)


@pytest.mark.parametrize(
    ("sweep", "own"),
    [
        ("seeds", "seed=1"),
        ("learning_rates", "model.generator_lr=0.0002"),
        ("widths", "model.generator_channels=[64,32,16]"),
        ("optuna", "model.dropout=0.25"),
    ],
)
def test_the_command_goes_on_with_one_job_of_a_sweep(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sweep: str, own: str
) -> None:
    monkeypatch.chdir(tmp_path)
    overrides = [f"sweep={sweep}", own, "run_name=x", "trainer.max_epochs=2"]
    text = continue_command(tmp_path / "outputs/x/0", overrides, 9)
    arguments = shlex.split(text)[3:]
    assert arguments == [
        *(f"sweep={sweep}", own, "run_name=x/0", "ckpt_path=last", "trainer.max_epochs=9", "hydra.mode=RUN")
    ]
    job, again = compose_cfg(*overrides), compose_cfg(*arguments)
    assert fingerprint(again, 1) == fingerprint(job, 1)
    assert again.callbacks.keys() == job.callbacks.keys()
    assert again.run_name == "x/0"


@pytest.mark.parametrize(
    "name", ["k=v", "a,b", "größe", "2024", "[x]", "it's", "null", "1e5", "a b", "s/[0]"]
)
def test_the_command_keeps_any_name_and_how_hydra_was_called(
    compose_cfg: Compose, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    own = [
        "hydra.mode=RUN",
        "hydra.searchpath=['file://my conf']",
        "hydra.sweep.subdir=x",
        "hydra/launcher=slurm",
    ]
    own += ["hydra.launcher.n_jobs=2", "+run_name=x", "++trainer.max_epochs=2", "hydra.verbose=true"]
    text = continue_command(tmp_path / "outputs" / name, own, 9, ["--config-dir=/my conf"])
    *first, where, last, epochs = shlex.split(text)[3:]
    assert first == ["--config-dir=/my conf", "hydra.searchpath=['file://my conf']", "hydra.verbose=true"]
    assert (last, epochs) == ("ckpt_path=last", "trainer.max_epochs=9")
    assert compose_cfg(where).run_name == name

    typed = ["-m", "--config-dir", "my conf", "seed=0,1", "hydra.sweep.dir=x", "run_name=x", "ckpt_path=last"]
    *first, where, last = shlex.split(continue_sweep_command(tmp_path / "outputs" / name, typed))[3:]
    assert (first, last) == (["-m", "--config-dir", "my conf", "seed=0,1"], "ckpt_path=auto")
    assert compose_cfg(where).run_name == name


def test_a_command_with_other_settings_is_corrected(tmp_path: Path) -> None:
    """What is kept is read back as it was typed; what belongs to a session is the new command's."""
    config = tmp_path / "config.yaml"
    own = ["sweep=seeds", "seed=1", "+a='x y'", "~model.dropout", "data.root=größe\n"]
    session = [
        "run_name=x",
        "ckpt_path=last",
        "trainer.max_epochs=2",
        "hydra.run.dir=y",
        "hydra.mode=MULTIRUN",
    ]
    config.write_text(encode_given([*own, *session], ["--config-dir=c d"]) + "seed: 1\n")
    given = read_given(config)
    assert given == ["--config-dir=c d", *own]
    command = corrected_command(given, ["experiment=best", "seed=2", "run_name=z", "ckpt_path=auto"])
    assert command.endswith(" run_name=z ckpt_path=auto hydra.mode=RUN")
    assert "seed=2" not in command
    assert " '--config-dir=c d' sweep=seeds seed=1 " in command

    for text in ("seed: 1\n", "# given: [1]\n", "# given: [\n", "# given: " + "[" * 100_000):
        config.write_text(text)
        assert read_given(config) is None
    assert read_given(tmp_path / "missing") is None


def test_a_folder_of_the_users_own_is_named_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "outputs" / "x"
    text = continue_command(folder, ["run_name=x", "hydra.run.dir=y"], 9, template="elsewhere/${run_name}")
    assert shlex.split(text)[3:5] == ["run_name=x", f"hydra.run.dir={folder}"]
    for cwd in (str(tmp_path), ""):  # with hydra.job.chdir=true the working folder is the run's
        monkeypatch.chdir(folder if cwd and folder.mkdir(parents=True) is None else tmp_path)
        assert " run_name=x " in continue_command(folder, [], 9, cwd=cwd)


@pytest.mark.parametrize(
    "changed",
    [
        ("callbacks.sample_grid.columns=2", "callbacks.sample_grid.rows=1"),
        ("callbacks.sample_grid.scale=1", "callbacks.film.frame_ms=50"),
        ("callbacks.sample_grid.rows=5", "callbacks.sample_grid.scale=6"),
        ("callbacks.sample_grid.every_n_iterations=1", "callbacks.film.file_name=other.gif"),
        ("callbacks=[default,averaged_generator,collapse]", "callbacks.sample_grid.averaged=true"),
        ("callbacks.history=null", "callbacks.checkpoint.every_n_iterations=1", "logger=[csv,tensorboard]"),
        ("callbacks.history.plot_every_n_epochs=0", "callbacks.history.background=true", "report=false"),
        (
            "trainer.log_every_n_steps=1",
            "trainer.profiler=simple",
            "trainer.deterministic=true",
            "logger=csv",
        ),
        ("model.accuracy_threshold=0.1", "+trainer.detect_anomaly=true"),
    ],
    ids=lambda changed: changed[0],
)
def test_settings_that_may_differ(
    compose_cfg: Compose, tmp_path: Path, unbroken: Path, changed: tuple[str, ...]
) -> None:
    """The run trains on to its end, twice, and its film has all grids of all sessions."""
    shutil.copytree(unbroken, tmp_path / "run")
    before = decode_gif((unbroken / "fashion_mnist_dcgan.gif").read_bytes())[0]
    for epochs in (5, 6):
        cfg = compose_cfg(*SMOKE, *changed, f"trainer.max_epochs={epochs}", "ckpt_path=last")
        assert train(cfg).epochs == epochs
    name = cfg.callbacks.film.file_name
    film = decode_gif((tmp_path / "run" / name).read_bytes())[0]
    assert len(film) >= len(before)
    assert len({frame.shape for frame in film}) == 1
    grid = decode_png((unbroken / "samples" / "sample_epoch_0001_iter_001.png").read_bytes())
    assert all(size >= least for size, least in zip(film[0].shape, grid.shape, strict=True))


def test_empty_folders_hold_no_run(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "run" / "logs").mkdir(parents=True)
    (tmp_path / "run" / "checkpoints").symlink_to(tmp_path / "disk")
    check_folder(tmp_path / "run", None, None)
    (tmp_path / "disk" / "last.ckpt").touch()
    with pytest.raises(RunFolderError, match="already holds a run"):
        check_folder(tmp_path / "run", None, None)
