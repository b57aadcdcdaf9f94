"""Several processes that train as one: means over all of them, in plain PyTorch.

Without a process group, or with one process in it, everything here leaves its input as it is.
"""

import contextlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist

from dcgan_lightning.core.meetings import check_alive

# Of one exchange within an iteration, where a slow process is no fault as long as it lives.
STEP_PATIENCE = timedelta(minutes=30)


def process_count() -> int:
    """Return how many processes train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def is_timeout(error: BaseException) -> bool:
    """Return whether a collective operation timed out."""
    return isinstance(error, RuntimeError) and "timed out" in str(error).lower()


def is_connection_error(error: BaseException) -> bool:
    """Return whether a collective operation failed because another process has ended or did not take part."""
    if isinstance(error, dist.DistError):
        return True
    # PyTorch raises gloo's errors as plain RuntimeErrors.
    signs = ("gloo", "Connection closed", "Connection reset")
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in signs)


def average_in_place(tensors: Sequence[Tensor]) -> None:
    """Replace each tensor by its mean over all processes, in one exchange.

    Afterwards all processes hold the same bits. Call it with tensors of the same shapes, in the same order,
    on every process.

    Args:
        tensors: Of one dtype and device, without gradients.
    """
    if process_count() == 1:
        return
    flat = torch.cat([tensor.reshape(-1) for tensor in tensors])
    _sum_in_place(flat)
    flat /= process_count()
    for tensor, part in zip(tensors, flat.split([tensor.numel() for tensor in tensors]), strict=True):
        tensor.copy_(part.view_as(tensor))


def gather(tensor: Tensor) -> Tensor:
    """Return the tensors of all processes, their rows taking turns: the order in which batches are shared.

    Args:
        tensor: (N, ...), of the same shape on every process, without gradients.

    Returns:
        (N * processes, ...), the same bits on every process.
    """
    if process_count() == 1:
        return tensor
    rows = tensor.new_zeros(len(tensor), process_count(), *tensor.shape[1:])
    rows[:, dist.get_rank()] = tensor
    _sum_in_place(rows)
    return rows.flatten(0, 1)


def _sum_in_place(tensor: Tensor) -> None:
    """Replace a tensor by its sum over all processes; on a CPU, signals are handled meanwhile."""
    options = dist.AllreduceOptions()
    options.timeout = STEP_PATIENCE
    group = dist.group.WORLD
    assert group is not None
    work = group.allreduce([tensor], options)
    if tensor.device.type == "cpu":
        while not work.is_completed():
            with contextlib.suppress(RuntimeError):  # that this second has passed
                work.wait(timedelta(seconds=1))
                break
            check_alive()
    work.wait()


class _Mean(torch.autograd.Function):
    """A mean over all processes is its own transpose, so forward and backward are the same exchange."""

    @staticmethod
    def forward(ctx: Any, tensor: Tensor) -> Tensor:
        mean = tensor.clone()
        average_in_place([mean])
        return mean

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _Mean.forward(ctx, gradients[0])


def mean_over_processes(tensor: Tensor) -> Tensor:
    """Return the mean of a tensor over all processes; gradients flow back to all of them."""
    mean: Tensor = _Mean.apply(tensor)
    return mean
