"""Refusing checkpoints that do not fit the run that resumes from them: networks, optimizers, position."""

import copy
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from dcgan_lightning.core.errors import CheckpointError
from dcgan_lightning.runs.positions import position_of, position_problem


def check_fits(
    checkpoint: dict[str, Any], system: torch.nn.Module, optimizers: Sequence[Optimizer], path: Path
) -> None:
    """Refuse a checkpoint whose weights are not of these networks, or its states not of these optimizers.

    Args:
        checkpoint: From `read_checkpoint`.
        system: Its networks are what is trained.
        optimizers: As they are built from the run's settings; nothing in them is changed.
        path: For the message.

    Raises:
        CheckpointError: Names the first thing that does not fit.
    """
    saved = {name: (weight.shape, weight.dtype) for name, weight in checkpoint["state_dict"].items()}
    wanted = {name: (weight.shape, weight.dtype) for name, weight in system.state_dict().items()}
    different = sorted(name for name in saved.keys() | wanted.keys() if saved.get(name) != wanted.get(name))
    if not _fit(checkpoint, optimizers):
        different.append("optimizer_states")
    if different:
        raise CheckpointError(
            f"checkpoint {path} belongs to other networks or optimizers: {different[0]} does not match; use "
            "another one"
        )


def _fit(checkpoint: Mapping[str, Any], optimizers: Sequence[Optimizer]) -> bool:
    """Return whether states are of these optimizers; one that has made no step yet has none."""
    states = [_kinds(optimizer["state"]) for optimizer in checkpoint["optimizer_states"]]
    wanted = [_kinds(_state_after_a_step(optimizer)) for optimizer in optimizers]
    if len(states) != len(wanted):
        return False
    pairs = [*zip(states, wanted, strict=True)]
    if not all(state in ({}, whole) for state, whole in pairs):
        return False
    stepping = sum(state == whole for state, whole in pairs)
    return stepping == len(pairs) or _steps(checkpoint) <= position_of(checkpoint).total * stepping


def _steps(checkpoint: Mapping[str, Any]) -> float:
    """Return the steps of all optimizers together, as Lightning counts them."""
    fit_loop = checkpoint["loops"]["fit_loop"]
    progress = fit_loop.get("epoch_loop.manual_optimization.optim_step_progress")
    return math.inf if progress is None else float(progress["total"]["completed"])


def _state_after_a_step(optimizer: Optimizer) -> dict[int, dict[str, Any]]:
    """Return the state that a copy of an optimizer has after a step, by the numbers of its weights."""
    trial = copy.deepcopy(optimizer)
    for group in trial.param_groups:
        for weights in group["params"]:
            weights.grad = torch.zeros_like(weights) if weights.requires_grad else None
    trial.step()
    state: dict[int, dict[str, Any]] = trial.state_dict()["state"]
    return state


def _kinds(state: Mapping[int, Mapping[str, Any]]) -> dict[int, dict[str, Any]]:
    """Return shape and type of each tensor in an optimizer's state, and the type of everything else."""
    return {
        index: {
            name: (value.shape, value.dtype) if isinstance(value, Tensor) else type(value)
            for name, value in part.items()
        }
        for index, part in state.items()
    }


def check_optimizers(checkpoint: dict[str, Any], optimizers: Sequence[Optimizer], path: Path) -> None:
    """Refuse a checkpoint whose optimizers have other settings than the run: the file's would count.

    Args:
        checkpoint: From `read_checkpoint`.
        optimizers: As they are built from the run's settings.
        path: For the message.

    Raises:
        CheckpointError: Names the first setting that differs.
    """
    for number_, (state, optimizer) in enumerate(
        zip(checkpoint["optimizer_states"], optimizers, strict=True)
    ):
        wanted = optimizer.state_dict()["param_groups"]
        name = f"optimizer_states.{number_}.param_groups"
        if len(state["param_groups"]) != len(wanted):
            raise CheckpointError(f"checkpoint {path} is damaged: {name} has another length; use another one")
        for saved, group in zip(state["param_groups"], wanted, strict=True):
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
