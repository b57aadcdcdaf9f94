"""Checkpoints of other networks or other optimizers than the run's are refused, whatever kind these are."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from made_runs import made_loops
from torch import nn
from torch.optim import SGD, Adagrad, Adam, Adamax, AdamW, NAdam, Optimizer, RMSprop

from dcgan_lightning.core.errors import CheckpointError
from dcgan_lightning.runs.compatibility import check_fits, check_optimizers

PATH = Path("a.ckpt")
ITERATIONS = 10  # as many as `made_loops` counts in an epoch
OTHER = r"a\.ckpt belongs to other networks or optimizers: {} does not match"
Build = Callable[[nn.ModuleDict], list[Optimizer]]


def two_adams(system: nn.ModuleDict) -> list[Optimizer]:
    return [Adam(network.parameters()) for network in list(system.values())[:2]]


def shared(system: nn.ModuleDict) -> list[Optimizer]:
    """SGD over one network and a part of the other; Adam over the rest."""
    groups: list[Any] = [
        {"params": list(system["generator"].parameters())},
        {"params": [system["discriminator"].bias], "lr": 0.5},
    ]
    return [SGD(groups, 0.1, momentum=0.9), Adam([system["discriminator"].weight])]


def all_with(kind: Callable[..., Optimizer], **options: Any) -> Build:
    """Return what makes one optimizer for everything, the frozen network too."""
    return lambda system: [kind(system.parameters(), **options)]


KINDS: dict[str, Build] = {
    "two Adams": two_adams,
    "shared": shared,
    "plain SGD": all_with(SGD, lr=0.1),
    "AdamW": all_with(AdamW, amsgrad=True),
    "Adamax": all_with(Adamax),
    "NAdam": all_with(NAdam),
    "RMSprop": all_with(RMSprop, momentum=0.5, centered=True),
    "Adagrad": all_with(Adagrad),
}


def made(build: Build) -> tuple[nn.ModuleDict, list[Optimizer], dict[str, Any]]:
    """Return a system of two networks and a frozen one, its optimizers as built, and a trained checkpoint."""
    parts = {"generator": nn.Linear(2, 3), "discriminator": nn.Linear(3, 1), "frozen": nn.Linear(2, 2)}
    system = nn.ModuleDict(parts)
    parts["frozen"].requires_grad_(False)
    trained = copy.deepcopy(system)
    optimizers = build(trained)
    for _ in range(ITERATIONS):
        for network in (trained["generator"], trained["discriminator"]):
            network(torch.ones(1, network.in_features)).sum().backward()
        for optimizer in optimizers:
            optimizer.step()
    loops = made_loops(1)
    steps = dict.fromkeys(("ready", "completed"), ITERATIONS * len(optimizers))
    loops["fit_loop"]["epoch_loop.manual_optimization.optim_step_progress"] = {
        "total": steps,
        "current": steps,
    }
    states = [optimizer.state_dict() for optimizer in optimizers]
    return (
        system,
        build(system),
        {"state_dict": trained.state_dict(), "optimizer_states": states, "loops": loops},
    )


@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_that_fits(kind: str) -> None:
    system, optimizers, checkpoint = made(KINDS[kind])
    before, random = copy.deepcopy(system.state_dict()), torch.get_rng_state()
    states = [str(optimizer.state_dict()) for optimizer in optimizers]
    check_fits(checkpoint, system, optimizers, PATH)
    assert all(torch.equal(value, before[name]) for name, value in system.state_dict().items())
    assert all(weights.grad is None for weights in system.parameters())
    assert [str(optimizer.state_dict()) for optimizer in optimizers] == states
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize("damage", ["missing", "more", "shape", "type"])
def test_a_checkpoint_of_other_networks_is_refused(damage: str) -> None:
    system, optimizers, checkpoint = made(two_adams)
    weights = checkpoint["state_dict"]
    if damage == "missing":
        del weights["generator.bias"]
    elif damage == "more":
        weights["generator.scale"] = torch.ones(3)
    elif damage == "shape":
        weights["generator.bias"] = torch.ones(4)
    else:
        weights["generator.bias"] = weights["generator.bias"].double()
    what = "generator.scale" if damage == "more" else "generator.bias"
    with pytest.raises(CheckpointError, match=OTHER.format(what)):
        check_fits(checkpoint, system, optimizers, PATH)


@pytest.mark.parametrize("kind", ["two Adams", "shared", "RMSprop"])
@pytest.mark.parametrize(
    "damage", ["missing", "more", "state", "shape", "type", "number", "weight", "emptied"]
)
def test_a_checkpoint_of_other_optimizers_is_refused(kind: str, damage: str) -> None:
    system, optimizers, checkpoint = made(KINDS[kind])
    states = checkpoint["optimizer_states"]
    first = states[0]["state"]
    name = [*first[0]][-1]
    if damage == "missing":
        del states[0]
    elif damage == "more":
        states.append(states[0])
    elif damage == "state":
        del first[0][name]
    elif damage == "shape":
        first[0][name] = torch.ones(7)
    elif damage == "type":
        first[0][name] = first[0][name].double()
    elif damage == "number":
        first[0][name] = 0.5
    elif damage == "weight":
        del first[0]
    else:
        first.clear()
    with pytest.raises(CheckpointError, match=OTHER.format("optimizer_states")):
        check_fits(checkpoint, system, optimizers, PATH)


@pytest.mark.parametrize(
    ("kind", "other"), [("two Adams", "shared"), ("RMSprop", "Adagrad"), ("NAdam", "AdamW")]
)
def test_a_checkpoint_of_another_kind_of_optimizer_is_refused(kind: str, other: str) -> None:
    system, _, checkpoint = made(KINDS[kind])
    with pytest.raises(CheckpointError, match=OTHER.format("optimizer_states")):
        check_fits(checkpoint, system, KINDS[other](system), PATH)


def test_swapped_states_are_refused() -> None:
    system, optimizers, checkpoint = made(two_adams)
    checkpoint["optimizer_states"].reverse()
    with pytest.raises(CheckpointError, match=OTHER.format("optimizer_states")):
        check_fits(checkpoint, system, optimizers, PATH)


def test_an_optimizer_that_has_made_no_step_yet() -> None:
    """Its state is empty; the steps that Lightning has counted must say so too."""
    system, optimizers, checkpoint = made(two_adams)
    checkpoint["optimizer_states"][0]["state"].clear()
    steps = checkpoint["loops"]["fit_loop"]["epoch_loop.manual_optimization.optim_step_progress"]["total"]
    steps["completed"] = ITERATIONS
    check_fits(checkpoint, system, optimizers, PATH)
    steps["completed"] = ITERATIONS + 1
    with pytest.raises(CheckpointError, match=OTHER.format("optimizer_states")):
        check_fits(checkpoint, system, optimizers, PATH)


@pytest.mark.parametrize(
    ("key", "value"), [("lr", 1.0), ("betas", [0.5, 0.9]), ("eps", 1.0), ("maximize", True), ("params", [0])]
)
def test_optimizers_with_other_settings_are_refused(key: str, value: object) -> None:
    adam = torch.optim.Adam(nn.Linear(2, 3).parameters(), 1e-4, (0.9, 0.999))
    checkpoint = {"optimizer_states": [adam.state_dict()]}
    check_optimizers(checkpoint, [adam], Path("a.ckpt"))
    del checkpoint["optimizer_states"][0]["param_groups"][0]["decoupled_weight_decay"]  # an older PyTorch's
    check_optimizers(checkpoint, [adam], Path("a.ckpt"))
    checkpoint["optimizer_states"][0]["param_groups"][0][key] = value
    with pytest.raises(CheckpointError, match=rf"a\.ckpt holds optimizer_states\.0\.param_groups\.{key}="):
        check_optimizers(checkpoint, [adam], Path("a.ckpt"))
