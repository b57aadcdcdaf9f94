"""Dropout with four decisions from each random number.

PyTorch draws one number for each activation, one after the other; in this discriminator that is a tenth of
an iteration. Here a 64-bit number decides for four: each 16 bits are compared with the share times 65,536,
rounded. The activations that stay are scaled by the rounded share, so that their expectation is exact; 0.3
becomes 0.3000031. On a CPU the numbers come from NumPy's SFC64, twice as fast as PyTorch's generator, which
seeds it.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

_STEPS = 2**16


def dropout(activations: Tensor, share: float) -> Tensor:
    """Set a share of the activations to 0 and scale the others, so that the mean stays.

    Uses PyTorch's default generator of the activations' device.

    Args:
        activations: Floating point, any shape. Draws follow the order in memory, contiguous or channels last.
        share: In [0, 1).
    """
    result: Tensor = _Dropout.apply(activations, share)
    return result


def factors(like: Tensor, share: float) -> Tensor:
    """Draw what each activation is multiplied by: 0, or the inverse of the share that stays."""
    dropped = min(round(share * _STEPS), _STEPS - 1)
    count = like.numel()
    numbers = _numbers(-(-count // 4), like.device).view(torch.int16)[:count]
    flat = torch.empty(count, dtype=like.dtype, device=like.device)
    torch.ge(numbers, dropped - _STEPS // 2, out=flat).mul_(_STEPS / (_STEPS - dropped))
    if like.ndim == 4 and like.is_contiguous(memory_format=torch.channels_last):
        count, channels, height, width = like.shape
        return flat.view(count, height, width, channels).permute(0, 3, 1, 2)
    return flat.view(like.shape)


def _numbers(count: int, device: torch.device) -> Tensor:
    """Draw 64-bit numbers; all bits are random."""
    if device.type == "cpu":
        seed = int(torch.empty((), dtype=torch.int64).random_())
        return torch.from_numpy(np.random.SFC64(seed).random_raw(count))
    return torch.empty(count, dtype=torch.int64, device=device).random_(-(2**63), None)


class _Dropout(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, activations: Tensor, share: float) -> Tensor:
        multipliers = factors(activations, share)
        ctx.save_for_backward(multipliers)
        return activations * multipliers

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (multipliers,) = ctx.saved_tensors
        return multipliers * gradients[0], None  # in the memory format of the first
