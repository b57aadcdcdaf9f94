"""Discriminators whose lower layers can be frozen, to train on from another run's weights with few images.

Source:
    Mo et al. 2020, https://arxiv.org/abs/2002.10964 (FreezeD).
"""

from typing import Self

from torch import nn


class FreezableDiscriminator(nn.Module):
    """A discriminator whose convolutions can be frozen, from the image on."""

    def __init__(self) -> None:
        super().__init__()
        self._frozen: tuple[str, ...] = ()

    @property
    def frozen(self) -> tuple[str, ...]:
        """Names of the frozen layers."""
        return self._frozen

    def freeze(self, count: int) -> None:
        """Freeze the first convolutions: their weights, and all that changes in training mode.

        Frozen layers are always in inference mode. Spectral normalization thus keeps its singular vectors, so
        that the normalized weight stays the same; BatchNorm would keep its moving statistics.

        Args:
            count: Number of convolutions.

        Raises:
            ValueError: There are fewer.
        """
        names = [name for name, layer in self.named_modules() if isinstance(layer, nn.Conv2d)]
        if count > len(names):
            raise ValueError(f"only {len(names)} layers can be frozen, not {count}")
        self._frozen = tuple(names[:count])
        for name in self._frozen:
            self.get_submodule(name).requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set the mode of all layers but the frozen ones, which stay in inference mode."""
        super().train(mode)
        for name in self._frozen:
            self.get_submodule(name).eval()
        return self


def trainable(network: nn.Module) -> list[nn.Parameter]:
    """Return the weights of a network that are not frozen."""
    return [weight for weight in network.parameters() if weight.requires_grad]
