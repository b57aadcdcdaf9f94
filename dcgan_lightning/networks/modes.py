"""Looking at a network without changing it."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def inference(network: nn.Module) -> Iterator[None]:
    """Switch a network to inference mode and gradients off, and put every layer's own flag back afterwards.

    BatchNorm then uses its moving statistics and leaves them alone, and dropout draws no random numbers.
    """
    flags = {layer: layer.training for layer in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for layer, training in flags.items():
            layer.training = training
