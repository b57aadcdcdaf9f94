"""Spectral normalization, with first vectors that follow from a network's own random numbers."""

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


def normalize_spectrally(network: nn.Module, generator: torch.Generator | None) -> None:
    """Have each layer of a network use its weight divided by the weight's largest singular value.

    The value is found by one step of power iteration in every forward pass in training.

    Args:
        network: Changed in place: all its layers that have a weight.
        generator: Source of the random numbers for the first vectors; PyTorch's default one if not given.

    Source:
        Miyato et al. 2018, https://arxiv.org/abs/1802.05957.
    """
    with torch.random.fork_rng(devices=[]):
        # The first vectors are drawn from PyTorch's default generator.
        torch.default_generator.manual_seed(int(torch.randint(2**32, (), generator=generator, device="cpu")))
        for layer in [*network.modules()]:
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.Embedding):
                spectral_norm(layer)
