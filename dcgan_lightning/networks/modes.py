"""Inference mode that leaves a network unchanged."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def inference(network: nn.Module) -> Iterator[None]:
    """Switch to inference mode without gradients; restore each layer's ``training`` flag afterwards.

    In the block, BatchNorm uses its moving statistics without updating them, and dropout draws no random
    numbers.
    """
    flags = {layer: layer.training for layer in network.modules()}
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for layer, training in flags.items():
            layer.training = training
