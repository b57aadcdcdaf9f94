import io
import pickle
import zipfile
from pathlib import Path

import pytest
import torch
from made_runs import LIGHTNINGS, made_loops

from dcgan_lightning.core.errors import CheckpointError, DivergedError
from dcgan_lightning.runs.checkpoints import newest_checkpoint, progress, read_checkpoint
from dcgan_lightning.training.checkpoint_io import AtomicCheckpointIO


def content(epochs: int, iterations: int = 0) -> dict:
    """Return a checkpoint that stands after so many epochs and iterations of ten."""
    return {
        "epoch": epochs,
        "state_dict": {"weight": torch.arange(1000.0)},
        "optimizer_states": [],
        "loops": made_loops(epochs, iterations),
        "callbacks": {},
        "fingerprint": {},
        **LIGHTNINGS,
    }


def save(path: Path, epochs: int, iterations: int = 0) -> bytes:
    torch.save(content(epochs, iterations), path)
    return path.read_bytes()


def test_reads_what_was_saved(tmp_path: Path) -> None:
    save(tmp_path / "a.ckpt", 3, 4)
    checkpoint = read_checkpoint(tmp_path / "a.ckpt")
    assert torch.equal(checkpoint["state_dict"]["weight"], torch.arange(1000.0))
    assert progress(checkpoint) == (3, 4)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"no\.ckpt does not exist"):
        read_checkpoint(tmp_path / "no.ckpt")


@pytest.mark.parametrize("damage", ["empty", "half", "last byte", "text", "html"])
def test_damaged_files_are_refused_in_one_line(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "a.ckpt"
    good = save(path, 1)
    path.write_bytes(
        {
            "empty": b"",
            "half": good[: len(good) // 2],
            "last byte": good[:-1],
            "text": b"hello\n" * 100,
            "html": b"<html><body>404</body></html>",
        }[damage]
    )
    with pytest.raises(CheckpointError, match=r"a\.ckpt cannot be read") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert "weights_only=False" not in str(caught.value)  # torch's own advice, and a bad one


def test_one_flipped_bit_is_found(tmp_path: Path) -> None:
    path = tmp_path / "a.ckpt"
    data = bytearray(save(path, 1))
    position = data.index(torch.arange(1000.0).numpy().tobytes()[2000:2100])
    data[position] ^= 1
    path.write_bytes(data)
    torch.load(path, weights_only=True)  # PyTorch itself does not notice
    with pytest.raises(CheckpointError, match="is damaged"):
        read_checkpoint(path)


def test_code_in_a_checkpoint_does_not_run(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "ran",))

    path = tmp_path / "a.ckpt"
    torch.save(content(1) | {"extra": Payload()}, path)
    with pytest.raises(CheckpointError, match=r"a\.ckpt cannot be read"):
        read_checkpoint(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    broken = content(1)
    broken["state_dict"]["weight"][7] = value
    torch.save(broken, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match=r"a\.ckpt holds weight, which is not finite"):
        read_checkpoint(tmp_path / "a.ckpt")


def test_other_zip_files_and_weights_are_refused(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(2)}, tmp_path / "weights.ckpt")
    with pytest.raises(
        CheckpointError, match="is not a training checkpoint of this project: epoch, state_dict"
    ):
        read_checkpoint(tmp_path / "weights.ckpt")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a/data.pkl", pickle.dumps(1))
    (tmp_path / "zip.ckpt").write_bytes(buffer.getvalue())
    with pytest.raises(CheckpointError, match=r"zip\.ckpt"):
        read_checkpoint(tmp_path / "zip.ckpt")


def test_the_newest_is_the_furthest_valid_one(tmp_path: Path) -> None:
    save(tmp_path / "epoch_0005.ckpt", 5)
    save(tmp_path / "epoch_0010.ckpt", 10)
    save(tmp_path / "last.ckpt", 10)
    assert newest_checkpoint(tmp_path) == (tmp_path / "last.ckpt", [])
    save(tmp_path / "last.ckpt", 7, 3)
    assert newest_checkpoint(tmp_path)[0].name == "epoch_0010.ckpt"
    save(tmp_path / "last.ckpt", 10, 1)
    assert newest_checkpoint(tmp_path)[0].name == "last.ckpt"


def test_damaged_ones_are_passed_over_and_named(tmp_path: Path) -> None:
    save(tmp_path / "epoch_0005.ckpt", 5)
    (tmp_path / "last.ckpt").write_bytes(b"")
    path, refusals = newest_checkpoint(tmp_path)
    assert path.name == "epoch_0005.ckpt"
    assert len(refusals) == 1
    assert "last.ckpt cannot be read" in refusals[0]


def test_none_left(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="the folder holds none"):
        newest_checkpoint(tmp_path)
    (tmp_path / "last.ckpt").write_bytes(b"")
    with pytest.raises(CheckpointError, match=r"no valid checkpoint in .*last\.ckpt cannot be read"):
        newest_checkpoint(tmp_path)


@pytest.mark.parametrize("where", ["trained", "average", "moments"])
@pytest.mark.parametrize("value", [float("nan"), float("-inf")])
def test_every_tensor_that_is_used_is_finite(tmp_path: Path, where: str, value: float) -> None:
    """On saving and on reading, by its name."""
    saved = content(1)
    broken = torch.tensor([1.0, value])
    one = torch.ones(2)
    average = {"generator": {"layers.scale": one}, "updates": 3, "decay": 0.5}
    adam = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": one, "exp_avg_sq": one}}, "param_groups": []}
    saved |= {"callbacks": {"AveragedGenerator": average}, "optimizer_states": [adam]}
    torch.save(saved, tmp_path / "a.ckpt")
    read_checkpoint(tmp_path / "a.ckpt")
    if where == "trained":
        saved["state_dict"], name = {"weight": broken}, "weight"
    elif where == "average":
        average["generator"]["layers.scale"] = broken
        name = "callbacks.AveragedGenerator.generator.layers.scale"
    else:
        adam["state"][0]["exp_avg_sq"], name = broken, "optimizer_states.0.state.0.exp_avg_sq"
    torch.save(saved, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match=rf"a\.ckpt holds {name}, which is not finite"):
        read_checkpoint(tmp_path / "a.ckpt")
    with pytest.raises(DivergedError, match=rf"^{name} is not finite, so .*b\.ckpt is not written"):
        AtomicCheckpointIO().save_checkpoint(saved, tmp_path / "b.ckpt")
    assert not (tmp_path / "b.ckpt").exists()


@pytest.mark.parametrize("where", ["running_var", "exp_avg_sq", "step"])
def test_variances_and_counts_are_not_negative(tmp_path: Path, where: str) -> None:
    saved, one = content(1), torch.ones(2)
    adam = {"state": {0: {"step": torch.tensor(3.0), "exp_avg": -one, "exp_avg_sq": one}}, "param_groups": []}
    saved |= {"optimizer_states": [adam], "state_dict": {"weight": -one, "norm.running_var": one}}
    torch.save(saved, tmp_path / "a.ckpt")
    read_checkpoint(tmp_path / "a.ckpt")
    if where == "running_var":
        saved["state_dict"]["norm.running_var"] = torch.tensor([1.0, -0.1])
    else:
        adam["state"][0][where] = -adam["state"][0][where]
    torch.save(saved, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match=rf"a\.ckpt holds .*{where}, which is negative"):
        read_checkpoint(tmp_path / "a.ckpt")


@pytest.mark.parametrize(
    ("state", "groups", "problem"),
    [
        ({0: {"momentum_buffer": torch.ones(2)}}, [{"momentum": 0.9, "params": [0]}], None),
        ({}, [{"amsgrad": False, "params": [0]}], None),  # Adam that has made no step
        ({0: {"momentum_buffer": {1}}}, [], r"0\.state\.0\.momentum_buffer must be a plain value"),
        ({0: [1]}, [], r"0\.state\.0 must be a dictionary"),
        ({"a": {}}, [], r"each key of \.?optimizer_states\.0\.state must be of type int"),
        (
            {0: {"step": torch.tensor(1.0)}},
            [{"amsgrad": False, "params": [0]}],
            r"0\.state\.0\.exp_avg is missing",
        ),
    ],
)
def test_states_of_optimizers_are_plain_and_whole(
    tmp_path: Path, state: object, groups: list, problem: str | None
) -> None:
    path = tmp_path / "a.ckpt"
    torch.save(content(1) | {"optimizer_states": [{"state": state, "param_groups": groups}]}, path)
    if problem is None:
        assert read_checkpoint(path)["optimizer_states"][0]["state"].keys() == state.keys()
    else:
        with pytest.raises(CheckpointError, match=rf"a\.ckpt is damaged: .*{problem}"):
            read_checkpoint(path)
