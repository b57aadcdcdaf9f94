"""Spectral normalization with reproducible initial vectors of the power iteration."""

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


def normalize_spectrally(network: nn.Module, generator: torch.Generator | None) -> None:
    """Divide the weight of each linear, convolutional and embedding layer by its largest singular value.

    The singular value is estimated by one step of power iteration in every forward pass in training mode.

    Args:
        network: Changed in place.
        generator: Source of the random numbers for the initial vectors; PyTorch's default one if not given.

    Source:
        Miyato et al. 2018, https://arxiv.org/abs/1802.05957.
    """
    with torch.random.fork_rng(devices=[]):
        # spectral_norm draws its initial vectors from PyTorch's default generator.
        torch.default_generator.manual_seed(int(torch.randint(2**32, (), generator=generator, device="cpu")))
        for layer in [*network.modules()]:
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.Embedding):
                spectral_norm(layer)
