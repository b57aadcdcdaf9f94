"""Loading of another network's weights, layer by layer, as far as they fit."""

import re
from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, nn


class Transfer(NamedTuple):
    """Which layers of a network have taken over weights.

    Attributes:
        loaded: Names of the layers with weights of the other network.
        kept: Names of the layers with their own initial weights.
        misfits: Descriptions of the tensors that did not fit.
    """

    loaded: list[str]
    kept: list[str]
    misfits: list[str]


def transfer(network: nn.Module, weights: Mapping[str, Tensor]) -> Transfer:
    """Load weights into the layers that they fit.

    A layer takes over all of its tensors or none: the weight with its bias, with the singular vectors of its
    spectral normalization, and BatchNorm's scale and shift with the moving statistics.

    Args:
        network: Changed in place.
        weights: A state dictionary of another network.
    """
    layers: dict[str, dict[str, Tensor]] = {}
    for name, value in network.state_dict().items():
        layers.setdefault(_layer_of(name), {})[name] = value
    chosen: dict[str, Tensor] = {}
    result = Transfer([], [], [])
    for layer, tensors in layers.items():
        misfits = [
            f"{name} ({_describe(weights.get(name))}, here {_describe(value)})"
            for name, value in tensors.items()
            if name not in weights or _form(weights[name]) != _form(value)
        ]
        result.misfits.extend(misfits)
        (result.kept if misfits else result.loaded).append(layer)
        if not misfits:
            chosen |= {name: weights[name] for name in tensors}
    network.load_state_dict(chosen, strict=False)
    return result


def _layer_of(name: str) -> str:
    """Return the layer to which a tensor of a state dictionary belongs."""
    return re.sub(r"(\.parametrizations\..*|\.?[^.]*)$", "", name, count=1)


def _form(value: Tensor) -> tuple[torch.Size, torch.dtype]:
    return value.shape, value.dtype


def _describe(value: Tensor | None) -> str:
    if value is None:
        return "missing"
    shape = " x ".join(map(str, value.shape)) or "a number"
    return shape if value.dtype == torch.float32 else f"{shape}, {str(value.dtype).removeprefix('torch.')}"
