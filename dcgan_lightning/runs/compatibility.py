"""Refusing checkpoints that do not fit the run that resumes from them: networks, optimizers, position."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from dcgan_lightning.core.errors import CheckpointError
from dcgan_lightning.runs.positions import position_of, position_problem


def check_fits(checkpoint: dict[str, Any], system: torch.nn.Module, path: Path) -> None:
    """Refuse a checkpoint whose weights or Adam's moments are not of these networks.

    Args:
        checkpoint: From `read_checkpoint`.
        system: Its children are the networks, in the order of their optimizers.
        path: For the message.

    Raises:
        CheckpointError: Names the first thing that does not fit.
    """
    saved = {name: (weight.shape, weight.dtype) for name, weight in checkpoint["state_dict"].items()}
    wanted = {name: (weight.shape, weight.dtype) for name, weight in system.state_dict().items()}
    different = sorted(name for name in saved.keys() | wanted.keys() if saved.get(name) != wanted.get(name))
    adams = [adam["state"] for adam in checkpoint["optimizer_states"]]
    networks = [list(network.parameters()) for network in system.children()]
    if len(adams) != len(networks) or not all(map(_has_moments, adams, networks)):
        different.append("optimizer_states")
    if different:
        raise CheckpointError(
            f"checkpoint {path} is not of these networks, {different[0]} does not fit; use another one"
        )


def _has_moments(states: Mapping[int, Mapping[str, Tensor]], weights: Sequence[Tensor]) -> bool:
    """Return whether an Adam's states have moments like the weights, and are in their order."""
    return [*states] == [*range(len(weights))] and all(
        moment.shape == weight.shape and moment.dtype == weight.dtype
        for state, weight in zip(states.values(), weights, strict=True)
        for name, moment in state.items()
        if name.startswith("exp_avg")
    )


def check_optimizers(checkpoint: dict[str, Any], optimizers: Sequence[Optimizer], path: Path) -> None:
    """Refuse a checkpoint whose optimizers have other settings than the run: the file's would count.

    Args:
        checkpoint: From `read_checkpoint`.
        optimizers: As they are built from the run's settings.
        path: For the message.

    Raises:
        CheckpointError: Names the first setting that differs.
    """
    for number_, (adam, optimizer) in enumerate(zip(checkpoint["optimizer_states"], optimizers, strict=True)):
        wanted = optimizer.state_dict()["param_groups"]
        name = f"optimizer_states.{number_}.param_groups"
        if len(adam["param_groups"]) != len(wanted):
            raise CheckpointError(f"checkpoint {path} is damaged: {name} has another length; use another one")
        for saved, group in zip(adam["param_groups"], wanted, strict=True):
            for key in (key for key in group if key in saved):  # versions of PyTorch have different ones
                if _comparable(saved[key]) != _comparable(group[key]):
                    raise CheckpointError(
                        f"checkpoint {path} holds {name}.{key}={str(saved[key])[:100]}, but the settings "
                        f"have {group[key]}; use another one"
                    )


def _comparable(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_comparable(part) for part in value]
    return str(value) if isinstance(value, Tensor) else value


def check_position(checkpoint: dict[str, Any], iterations_per_epoch: int, path: Path) -> None:
    """Refuse a checkpoint whose counters are not of a run with epochs of so many iterations.

    Raises:
        CheckpointError: Names the counters.
    """
    if problem := position_problem(position_of(checkpoint), iterations_per_epoch):
        raise CheckpointError(f"checkpoint {path} is damaged: {problem}; use another one")


def check_callbacks(
    checkpoint: dict[str, Any], callbacks: Iterable[Any], system: torch.nn.Module, path: Path
) -> None:
    """Refuse a checkpoint with a state that one of the callbacks cannot take.

    Args:
        checkpoint: From `read_checkpoint`.
        callbacks: Those that say by a method ``form`` what their state must be, for a system and a position,
            are looked at.
        system: What is trained.
        path: For the message.

    Raises:
        CheckpointError: Names the part that is not what it must be.
    """
    position = position_of(checkpoint)
    for callback in callbacks:
        state = checkpoint["callbacks"].get(callback.state_key)
        if not state or not hasattr(callback, "form"):
            continue
        if problem := callback.form(system, position)(state, f"callbacks.{callback.state_key}"):
            raise CheckpointError(f"checkpoint {path} is damaged: {problem}; use another one")
