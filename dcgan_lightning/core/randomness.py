"""Counter-based random streams: every draw is a function of where it happens, never of what was drawn before.

A run is resumed exactly because nothing has to be restored: the order of an epoch follows from
(seed, epoch), the draws of an iteration from (seed, iteration, rank) and the sample grid's noise from the
seed alone.
"""

import hashlib
from typing import Literal

import torch

Stream = Literal[
    "init",
    "order",
    "order_a",
    "order_b",
    "iteration",
    "sample_grid",
    "synthetic_data",
    "statistics",
    "generate",
    "augmentation",
    "anchors",
    "scores",
    "stylize",
]

_SEEDS = 2**32  # PyTorch's CPU generator uses the low 32 bits of its seed and no others.


def stream_seed(seed: int, stream: Stream, index: int = 0, rank: int = 0) -> int:
    """Return the 32-bit seed number ``index`` of a named stream.

    The stream's start is a hash and ``index`` is added to it, so two indices of one stream never meet;
    hashing each index on its own would let two iterations of a long run share their noise (birthday
    paradox: about 6 % for 50 epochs).

    Args:
        seed: The run's seed, >= 0.
        stream: What the numbers are for.
        index: Position in the stream, >= 0: an epoch or an iteration, counted from 0.
        rank: Process number in distributed training; pass 0 for what all processes must share.
    """
    digest = hashlib.blake2b(f"{seed}/{stream}/{rank}".encode(), digest_size=4).digest()
    return (int.from_bytes(digest, "little") + index) % _SEEDS


def stream_generator(seed: int, stream: Stream, index: int = 0, rank: int = 0) -> torch.Generator:
    """Return a CPU generator at the start of element ``index`` of a stream (see `stream_seed`)."""
    return torch.Generator().manual_seed(stream_seed(seed, stream, index, rank))


def reseed_default_generators(value: int, device: torch.device) -> None:
    """Set PyTorch's default generators, which dropout and ``torch.randn`` without a generator use.

    Not ``torch.manual_seed``: that takes 0.35 ms a call, because it also prepares every lazily
    initialised backend.

    Args:
        value: A seed from `stream_seed`.
        device: The device that trains; its own generator is set beside the CPU's.
    """
    torch.default_generator.manual_seed(value)
    if device.type == "cuda":
        torch.cuda.default_generators[device.index or 0].manual_seed(value)
    elif device.type == "mps":
        torch.mps.manual_seed(value)
