"""The optimizer of all systems, and what any optimizer is asked for."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from torch import nn
from torch.optim import Adam, Optimizer


class FusedAdam(Adam):
    """Adam in its fused form, in less time."""

    def _accelerator_graph_capture_health_check(self) -> None:
        """Do nothing. PyTorch looks for a GPU here in each step, which takes 0.06 ms.

        It would only refuse a step within the capture of a CUDA graph, and no step is captured.
        """


def make_adam(weights: Iterable[nn.Parameter], rate: float, betas: Sequence[float], eps: float) -> Adam:
    """Return a fused Adam.

    Args:
        weights: What it moves.
        rate: Learning rate.
        betas: Decay rates of its two moments; a configuration's 0 is a whole number, which Adam does not
            take.
        eps: Added to its denominator.
    """
    return FusedAdam(weights, rate, (float(betas[0]), float(betas[1])), eps, fused=True)


@dataclass(frozen=True)
class Adams:
    """The optimizers of generators and discriminators.

    Attributes:
        generator_lr: The generators' learning rate, > 0.
        discriminator_lr: The discriminators' learning rate, > 0.
        betas: Decay rates of both Adams' moments, each in [0, 1).
        eps: Added to the denominator of both Adams.
    """

    generator_lr: float
    discriminator_lr: float
    betas: Sequence[float]
    eps: float

    def make(
        self, generators: Iterable[nn.Parameter], discriminators: Iterable[nn.Parameter]
    ) -> list[Optimizer]:
        """Return one Adam for all generators and one for all discriminators, in this order.

        Args:
            generators: The generators' weights.
            discriminators: The discriminators' weights.
        """
        pairs = ((generators, self.generator_lr), (discriminators, self.discriminator_lr))
        return [make_adam(weights, rate, self.betas, self.eps) for weights, rate in pairs]


def moved_by(optimizer: Optimizer) -> list[nn.Parameter]:
    """Return the weights that an optimizer moves."""
    return [weight for group in optimizer.param_groups for weight in group["params"]]


@contextlib.contextmanager
def scaled_rates(optimizer: Optimizer, factor: float) -> Iterator[None]:
    """Scale the learning rates in the block; outside of it, and thus in checkpoints, they are unscaled."""
    rates = [group["lr"] for group in optimizer.param_groups]
    for group, rate in zip(optimizer.param_groups, rates, strict=True):
        group["lr"] = rate * factor
    try:
        yield
    finally:
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = rate
