"""Paths through the latent space."""

from collections.abc import Callable

import torch
from torch import Tensor


def slerp(start: Tensor, end: Tensor, shares: Tensor) -> Tensor:
    """Interpolate spherically: the direction along the arc between two vectors, the length linearly.

    Noise vectors of many dimensions nearly all have the same length. A straight line between two of them
    passes closer to the origin than the noise that the generator was trained on; the arc does not.

    Args:
        start: (D,), of any length.
        end: (D,). If it is opposite to ``start``, the shortest arc is not unique; the one through the
            coordinate axis furthest from both is used.
        shares: Positions on the path, (S,), from 0 to 1.

    Returns:
        (S, D) in the type of ``start``; computed in float64.

    Source:
        White 2016, https://arxiv.org/abs/1609.04468.
    """
    first, last, way = start.double(), end.double(), shares.double()[:, None]
    first_length, last_length = first.norm(), last.norm()
    first, last = _direction(first), _direction(last)
    cosine = first @ last
    across = last - cosine * first
    angle = torch.atan2(across.norm(), cosine)  # exact also where the cosine is nearly 1 or -1
    if across.norm() < 1e-7:
        axis = torch.zeros_like(first)
        axis[first.abs().argmin()] = 1
        across = axis - (axis @ first) * first
    directions = torch.cos(angle * way) * first + torch.sin(angle * way) * _direction(across)
    return (directions * torch.lerp(first_length, last_length, way)).to(start.dtype)


def mix(start: Tensor, end: Tensor, shares: Tensor) -> Tensor:
    """Interpolate linearly, for example between mixtures of classes.

    Args:
        start: (D,).
        end: (D,).
        shares: Positions on the path, (S,), from 0 to 1.

    Returns:
        (S, D) in the type of ``start``.
    """
    return torch.lerp(start.double(), end.double(), shares.double()[:, None]).to(start.dtype)


def path(
    points: Tensor,
    steps: int,
    is_closed: bool = False,
    rests: bool = False,
    way: Callable[[Tensor, Tensor, Tensor], Tensor] = slerp,
) -> Tensor:
    """Return a path through a sequence of points.

    Args:
        points: (P, D), P >= 2.
        steps: Steps from one point to the next, >= 1.
        is_closed: Continue from the last point to the first; the path then ends one step before it, so that
            it can be looped.
        rests: Slow down before each point and speed up after it, instead of turning sharply.
        way: Interpolation between two points: `slerp` or `mix`.

    Returns:
        ((P - 1) * steps + 1, D), or (P * steps, D) if closed; every ``steps``-th row is one of the points.
    """
    shares = torch.arange(steps, dtype=torch.float64) / steps
    if rests:
        shares = shares.square() * (3 - 2 * shares)
    following = points.roll(-1, dims=0)
    arcs = [way(start, end, shares) for start, end in zip(points, following, strict=True)]
    return torch.cat(arcs) if is_closed else torch.cat([*arcs[:-1], points[-1:]])


def _direction(vector: Tensor) -> Tensor:
    return torch.nn.functional.normalize(vector, dim=0)
