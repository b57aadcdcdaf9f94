"""Spectral normalization with reproducible initial vectors of the power iteration."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrize import register_parametrization

INITIAL_STEPS = 15
SMALLEST_LENGTH = 1e-12  # that a vector is divided by


class SpectralNormalization(nn.Module):
    """The parametrization of PyTorch's ``spectral_norm``, with the same buffers and values, in less time.

    PyTorch's takes 6 % of an iteration of ``first_look`` on a CPU, most of it outside of arithmetic.

    Args:
        weight: The weight at the start, with at least two dimensions; the first one is that of the outputs.

    Source:
        ``torch.nn.utils.parametrizations.spectral_norm``.
    """

    _u: Tensor
    _v: Tensor

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        matrix = weight.detach().flatten(1)
        for name, length in zip(("_u", "_v"), matrix.shape, strict=True):
            self.register_buffer(name, F.normalize(matrix.new_empty(length).normal_(), dim=0))
        for _ in range(INITIAL_STEPS):
            self._iterate(matrix)

    @torch.no_grad()
    def _iterate(self, matrix: Tensor) -> None:
        """Take one step of power iteration."""
        product = torch.mv(matrix, self._v)
        torch.div(product, torch.linalg.vector_norm(product).clamp_min(SMALLEST_LENGTH), out=self._u)
        product = torch.mv(matrix.t(), self._u)
        torch.div(product, torch.linalg.vector_norm(product).clamp_min(SMALLEST_LENGTH), out=self._v)

    def forward(self, weight: Tensor) -> Tensor:
        """Return the weight divided by its largest singular value, in training mode after another step."""
        matrix = weight.flatten(1)
        if self.training:
            self._iterate(matrix)
        # Copies: another forward pass may change the vectors before this one's backward pass.
        largest = torch.vdot(self._u.clone(), torch.mv(matrix, self._v.clone()))
        return weight / largest


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
        # The initial vectors are drawn from PyTorch's default generator.
        torch.default_generator.manual_seed(int(torch.randint(2**32, (), generator=generator, device="cpu")))
        for layer in [*network.modules()]:
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.Embedding):
                register_parametrization(layer, "weight", SpectralNormalization(layer.weight))
