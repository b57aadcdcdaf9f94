"""The optimizer of all systems."""

from collections.abc import Iterable, Sequence

from torch import nn
from torch.optim import Adam


def make_adam(weights: Iterable[nn.Parameter], rate: float, betas: Sequence[float], eps: float) -> Adam:
    """Return Adam in its fused form.

    Args:
        weights: What it moves.
        rate: Learning rate.
        betas: Decay rates of its two moments; a configuration's 0 is a whole number, which Adam does not
            take.
        eps: Added to its denominator.
    """
    return Adam(weights, rate, (float(betas[0]), float(betas[1])), eps, fused=True)
