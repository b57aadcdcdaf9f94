"""Weight initialization: Keras' defaults, as in the notebook, or the DCGAN paper's."""

from typing import Literal, get_args

import torch
from torch import nn

Initialization = Literal["glorot_uniform", "normal"]

_WEIGHTED = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)
_NORMED = (nn.BatchNorm1d, nn.BatchNorm2d)


@torch.no_grad()
def initialize(network: nn.Module, scheme: Initialization, generator: torch.Generator | None = None) -> None:
    """Initialize all weights of a network, in the order of its layers.

    Args:
        network: Changed in place. Biases and BatchNorm shifts become 0, moving means 0, moving variances 1.
        scheme: ``"glorot_uniform"``: Keras' default, uniform within sqrt(6 / (fan_in + fan_out)) for
            convolutions and dense layers, BatchNorm scales 1 (Glorot and Bengio 2010). ``"normal"``:
            N(0, 0.02) for convolutions and dense layers and N(1, 0.02) for BatchNorm scales (Radford et al.
            2015, section 4).
        generator: Source of the random numbers; PyTorch's default one if not given.

    Raises:
        ValueError: The scheme is unknown.
    """
    if scheme not in get_args(Initialization):
        raise ValueError(f"initialization must be one of {get_args(Initialization)}, got {scheme!r}")
    for layer in network.modules():
        if isinstance(layer, _WEIGHTED):
            if scheme == "glorot_uniform":
                nn.init.xavier_uniform_(layer.weight, generator=generator)
            else:
                nn.init.normal_(layer.weight, 0.0, 0.02, generator=generator)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
        elif isinstance(layer, _NORMED):
            layer.reset_parameters()
            if scheme == "normal" and layer.affine:
                nn.init.normal_(layer.weight, 1.0, 0.02, generator=generator)
