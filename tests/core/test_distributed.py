"""Two real processes, compared with one that holds the values of both."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, multiprocessing
from torch import distributed as dist

from dcgan_lightning.core.distributed import (
    average_in_place,
    gather,
    is_connection_error,
    mean_over_processes,
    process_count,
)
from dcgan_lightning.networks.layers import KerasBatchNorm1d, KerasBatchNorm2d

SHAPES = {KerasBatchNorm1d: (8, 5), KerasBatchNorm2d: (8, 5, 3, 3)}


def values(shape: tuple[int, ...]) -> Tensor:
    # Far from 0, where a variance as the mean of squares minus the square of the mean would lose its digits.
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)) + 100


def batch_norm(kind: type, part: slice) -> dict[str, Tensor]:
    """Return outputs, moving statistics and gradients of a layer after one batch of these rows."""
    layer = kind(5)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(1.0, 6.0))
    inputs = values(SHAPES[kind])[part].requires_grad_()
    outputs = layer(inputs)
    weights = torch.linspace(-1, 1, outputs.shape[1]).view([1, -1] + [1] * (outputs.ndim - 2))
    (outputs.sin() * weights).mean().backward()
    result = {"outputs": outputs.detach(), "inputs.grad": inputs.grad}
    result |= {name: value.clone() for name, value in layer.state_dict().items()}
    result |= {"weight.grad": layer.weight.grad, "bias.grad": layer.bias.grad}
    return result


def work(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    results: dict = {kind.__name__: batch_norm(kind, slice(rank * 4, rank * 4 + 4)) for kind in SHAPES}
    tensors = [torch.full((2, 3), float(rank)), torch.tensor(10.0 * rank)]
    average_in_place(tensors)
    own = torch.tensor([1.0 + rank], requires_grad=True)
    mean = mean_over_processes(own)
    (mean * (rank + 1)).sum().backward()
    rows = torch.tensor([[10.0 * rank], [10.0 * rank + 1]])
    results |= {"gathered": gather(rows)}
    results |= {"count": process_count(), "averaged": tensors, "mean": mean.detach(), "own.grad": own.grad}
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    folder = tmp_path_factory.mktemp("processes")
    multiprocessing.spawn(work, (str(folder),), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def test_means(two_processes: list[dict]) -> None:
    for result in two_processes:
        assert result["count"] == 2
        assert torch.equal(result["averaged"][0], torch.full((2, 3), 0.5))
        assert result["averaged"][1].item() == 5.0
        assert result["mean"].item() == 1.5
        assert result["own.grad"].item() == 1.5  # the sum of both processes' 1 and 2, over 2


def test_gathered_rows_take_turns(two_processes: list[dict]) -> None:
    for result in two_processes:
        assert result["gathered"].flatten().tolist() == [0, 10, 1, 11]
    alone = torch.arange(3.0)
    assert gather(alone) is alone


@pytest.mark.parametrize("kind", SHAPES, ids=lambda kind: kind.__name__)
def test_batch_norm_sees_all_values(two_processes: list[dict], kind: type) -> None:
    first, second = (result[kind.__name__] for result in two_processes)
    whole = batch_norm(kind, slice(None))
    for name in ("running_mean", "running_var", "num_batches_tracked"):
        assert torch.equal(first[name], second[name]), name
        torch.testing.assert_close(first[name], whole[name], rtol=2e-6, atol=0)
    outputs = torch.cat([first["outputs"], second["outputs"]])
    torch.testing.assert_close(outputs, whole["outputs"], rtol=1e-4, atol=1e-4)
    # Each process has the mean of its own half as its loss; the whole's gradients are the means of theirs.
    for name in ("weight.grad", "bias.grad"):
        mean = (first[name] + second[name]) / 2
        torch.testing.assert_close(mean, whole[name], rtol=1e-4, atol=1e-5)
    gradients = torch.cat([first["inputs.grad"], second["inputs.grad"]]) / 2
    torch.testing.assert_close(gradients, whole["inputs.grad"], rtol=1e-3, atol=1e-5)


def test_one_process_changes_nothing(tmp_path: Path) -> None:
    tensor = torch.ones(2)
    average_in_place([tensor])
    assert torch.equal(tensor, torch.ones(2))
    assert torch.equal(mean_over_processes(tensor), tensor)
    assert process_count() == 1


def test_connection_errors_are_known() -> None:
    assert is_connection_error(dist.DistBackendError("NCCL"))
    assert is_connection_error(RuntimeError("[.../gloo/transport/tcp/pair.cc:534] Connection closed by peer"))
    assert not is_connection_error(RuntimeError("shape mismatch"))
    assert not is_connection_error(ValueError("gloo"))
