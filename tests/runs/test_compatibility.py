from pathlib import Path

import pytest
import torch
from torch import nn

from dcgan_lightning.core.errors import CheckpointError
from dcgan_lightning.runs.compatibility import check_fits, check_optimizers


def of_networks() -> tuple[nn.Module, dict]:
    """Return a system of two networks and a checkpoint of it."""
    system = nn.ModuleDict({"generator": nn.Linear(2, 3), "discriminator": nn.Linear(3, 1)})

    def adam(network: nn.Module) -> dict:
        moments = (torch.zeros_like(weight) for weight in network.parameters())
        return {"state": {index: {"exp_avg": moment} for index, moment in enumerate(moments)}}

    adams = [adam(network) for network in system.children()]
    return system, {"state_dict": system.state_dict(), "optimizer_states": adams}


def test_a_checkpoint_that_fits() -> None:
    system, checkpoint = of_networks()
    check_fits(checkpoint, system, Path("a.ckpt"))


@pytest.mark.parametrize("damage", ["missing", "more", "shape", "swapped"])
def test_a_checkpoint_of_other_networks_is_refused(damage: str) -> None:
    system, checkpoint = of_networks()
    weights = dict(checkpoint["state_dict"])
    if damage == "missing":
        del weights["generator.bias"]
    elif damage == "more":
        weights["generator.scale"] = torch.ones(3)
    elif damage == "shape":
        weights["generator.bias"] = torch.ones(4)
    else:
        checkpoint["optimizer_states"].reverse()
    what = {"more": "generator.scale", "swapped": "optimizer_states"}.get(damage, "generator.bias")
    with pytest.raises(CheckpointError, match=rf"a\.ckpt is not of these networks, {what} does not fit"):
        check_fits(checkpoint | {"state_dict": weights}, system, Path("a.ckpt"))


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
