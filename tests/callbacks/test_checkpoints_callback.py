from pathlib import Path

import pytest
import torch
from callback_training import StopAt, train
from made_runs import LIGHTNINGS, made_loops

from dcgan_lightning.callbacks import Checkpoints
from dcgan_lightning.core.errors import DivergedError
from dcgan_lightning.runs.checkpoints import progress, read_checkpoint
from dcgan_lightning.training.checkpoint_io import AtomicCheckpointIO


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "checkpoints").iterdir())


def test_files_at_the_configured_epochs(tmp_path: Path) -> None:
    train(tmp_path, [Checkpoints(every_n_epochs=2)], epochs=5)
    assert names(tmp_path) == ["epoch_0002.ckpt", "epoch_0004.ckpt", "last.ckpt"]
    positions = {name: progress(read_checkpoint(tmp_path / "checkpoints" / name)) for name in names(tmp_path)}
    assert positions == {"epoch_0002.ckpt": (2, 0), "epoch_0004.ckpt": (4, 0), "last.ckpt": (5, 0)}


def test_saving_within_an_epoch(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stopped by the test"):
        train(tmp_path, [Checkpoints(every_n_iterations=2), StopAt(epoch=2, iteration=3)], epochs=2)
    assert names(tmp_path) == ["last.ckpt"]
    assert progress(read_checkpoint(tmp_path / "checkpoints" / "last.ckpt")) == (1, 2)


def test_a_checkpoint_holds_weights_and_both_adams(tmp_path: Path) -> None:
    _, system = train(tmp_path, [Checkpoints()])
    checkpoint = torch.load(tmp_path / "checkpoints" / "last.ckpt", weights_only=True)
    for name, value in system.state_dict().items():
        assert torch.equal(checkpoint["state_dict"][name], value), name
    generator_adam, discriminator_adam = checkpoint["optimizer_states"]
    assert len(generator_adam["state"]) == 10
    assert len(discriminator_adam["state"]) == 6
    assert checkpoint["hyper_parameters"]["latent_dim"] == 6


def test_fingerprint_and_environment_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    content = {"epoch": 0, "state_dict": {}, "optimizer_states": [], "loops": made_loops(0), "callbacks": {}}
    content |= LIGHTNINGS
    AtomicCheckpointIO({"seed": 3}, {"threads": 2}).save_checkpoint(content, path)
    own = {"fingerprint": {"seed": 3}, "environment": {"threads": 2}}
    assert AtomicCheckpointIO().load_checkpoint(path) == content | own


def test_only_other_checkpoints_of_the_run_can_be_removed(tmp_path: Path) -> None:
    run, outside = tmp_path / "run", tmp_path / "outside"
    for folder in (run / "checkpoints", run / "folder.ckpt", outside):
        folder.mkdir(parents=True)
    (run / "link.ckpt").symlink_to(outside / "x.ckpt")
    kept = [
        *(run / "checkpoints" / name for name in ("last.ckpt", "epoch_0005.ckpt", "notes.txt")),
        outside / "x.ckpt",
    ]
    removable = run / "checkpoints" / "epoch=0-step=4.ckpt"
    for path in (*kept, removable):
        path.touch()
    checkpoint_io = AtomicCheckpointIO(folder=run)
    for path in (
        *kept,
        run / "link.ckpt",
        run / "folder.ckpt",
        outside,
        run / "checkpoints/../../outside/x.ckpt",
    ):
        checkpoint_io.remove_checkpoint(path)
        assert path.exists(), path
    AtomicCheckpointIO().remove_checkpoint(removable)
    assert removable.exists()
    checkpoint_io.remove_checkpoint(removable)
    assert not removable.exists()


def test_weights_that_are_not_finite_are_never_written(tmp_path: Path) -> None:
    path = tmp_path / "last.ckpt"
    path.write_bytes(b"good")
    content = {"state_dict": {"layer.weight": torch.tensor([1.0, float("nan")])}}
    with pytest.raises(DivergedError, match=r"layer.weight is not finite, so .*last.ckpt is not written"):
        AtomicCheckpointIO().save_checkpoint(content, path)
    assert path.read_bytes() == b"good"
