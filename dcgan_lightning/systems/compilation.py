"""PyTorch's compiler, used so that a resumed run repeats an unbroken one to the last bit."""

from collections.abc import Iterable

import torch
from torch import nn


def compile_networks(networks: Iterable[nn.Module], mode: str) -> None:
    """Mark networks for compilation at their first use.

    What is compiled depends on the network and on the sizes of its inputs only. With sizes that PyTorch turns
    into variables, it would depend on which sizes came first, and a resumed run would round differently.

    Args:
        networks: Compiled one by one; the names of their weights stay the same.
        mode: Mode of ``torch.compile``.
    """
    # Networks of earlier trainings in this process count towards the compiler's limit of versions.
    torch.compiler.reset()
    for network in networks:
        network.compile(mode=mode, dynamic=False)
