"""Distances: nearest neighbours among many rows, in chunks of constant memory, and pixels of pairs."""

from collections.abc import Callable, Sequence
from functools import lru_cache

import torch
from torch import Tensor

from dcgan_lightning.kernels import products

ROWS = 4000  # compared at a time; their distances to a chunk of queries stay in the processor's cache
Multiply = Callable[[Tensor, Tensor], Tensor]
MOST_BYTES = 43_690  # of a row, whose squared distances need 32 bits: 3 * 128 ** 2 for each byte


def kth_distances(rows: Tensor, neighbours: Sequence[int], chunk: int = 1000) -> list[Tensor]:
    """Return each row's distances to its k-th nearest other row.

    Args:
        rows: (N, D).
        neighbours: The values of k, each from 1 to N - 1.
        chunk: Rows at a time.

    Returns:
        Distances (N,) for each k.
    """
    largest = max(neighbours) + 1  # the nearest row is the row itself
    nearest = [torch.cdist(part, rows).topk(largest, largest=False).values for part in rows.split(chunk)]
    distances = torch.cat(nearest)
    return [distances[:, k] for k in neighbours]


def nearest_rows(queries: Tensor, rows: Tensor, chunk: int = 1000) -> tuple[Tensor, Tensor]:
    """Return each query's distance to its nearest row, and that row's index.

    The search uses a matrix product in float32 or, for uint8 where `has_integer_products`, in 8-bit integers,
    which is exact and several times faster. The distances to the rows found are then recomputed from the
    differences in float64, so that equal rows have distance 0.

    Args:
        queries: (M, D), float32 or uint8.
        rows: (N, D), of the same type.
        chunk: Queries at a time.

    Returns:
        float64 (M,) and int64 (M,).
    """
    fits = rows.shape[1] <= MOST_BYTES and rows.device.type == "cpu"
    if rows.dtype == torch.uint8 and fits and has_integer_products():
        multiply: Multiply = _multiply_integers
        total = torch.int32
        left, right = (part.bitwise_xor(128).view(torch.int8) for part in (queries, rows))  # minus 128
    else:
        multiply, total = products.linear, torch.float32
        # Near the centre, where float32 is finer; bytes stay whole numbers.
        is_bytes = rows.dtype == torch.uint8
        centre = torch.tensor(128.0) if is_bytes else rows.float().mean(dim=0).nan_to_num(0, 0, 0)
        left, right = queries.float() - centre, rows.float() - centre
    squares = torch.cat([part.to(total).square().sum(dim=1, dtype=total) for part in right.split(chunk)])
    indices = torch.cat([_search(part, right, squares, multiply) for part in left.split(chunk)])
    return _exact(queries, rows, indices, chunk), indices


def _search(queries: Tensor, rows: Tensor, squares: Tensor, multiply: Multiply) -> Tensor:
    """Return the index of each query's nearest row, which minimizes |row|^2 - 2 query.row."""
    blocks = zip(rows.split(ROWS), squares.split(ROWS), strict=True)
    found = [torch.sub(lengths, multiply(queries, block), alpha=2).min(dim=1) for block, lengths in blocks]
    block = torch.stack([each.values for each in found]).argmin(dim=0)
    return ROWS * block + torch.stack([each.indices for each in found]).gather(0, block[None])[0]


def nearest_others(rows: Tensor, chunk: int = 1000) -> Tensor:
    """Return each row's distance to its nearest other row; equal rows have distance 0.

    Args:
        rows: (N, D), float32 or uint8, N >= 2.
        chunk: Rows at a time.

    Returns:
        float64 (N,).
    """
    values = rows.float()
    squares = values.square().sum(dim=1) / 2
    found = []
    for first in range(0, len(rows), chunk):
        part = squares - values[first : first + chunk] @ values.T
        part.diagonal(first).fill_(torch.inf)
        found.append(part.argmin(dim=1))
    return _exact(rows, rows, torch.cat(found), chunk)


def _multiply_integers(queries: Tensor, rows: Tensor) -> Tensor:
    return torch._int_mm(queries, rows.T)


def _exact(queries: Tensor, rows: Tensor, indices: Tensor, chunk: int) -> Tensor:
    distances = [
        (part.double() - rows[found].double()).norm(dim=1)
        for part, found in zip(queries.split(chunk), indices.split(chunk), strict=True)
    ]
    return torch.cat(distances)


@lru_cache
def has_integer_products() -> bool:
    """Return whether PyTorch multiplies matrices of 8-bit integers exactly and fast on this processor.

    Without instructions for such products the library adds pairs of them in 16 bits, which can saturate.
    """
    if not (hasattr(torch, "_int_mm") and torch.backends.mkldnn.is_available()):
        return False
    signs = torch.tensor([[1, 1], [1, -1], [-1, -1]]).repeat(32, 400)
    extremes = torch.where(signs > 0, 127, -128)
    try:
        products = torch._int_mm(extremes.to(torch.int8), extremes.to(torch.int8).T)
    except RuntimeError:
        return False
    return torch.equal(products.long(), extremes @ extremes.T)


def mean_difference(images: Tensor, others: Tensor) -> float:
    """Return the mean absolute difference of uint8 images (N, C, H, W), as a share of the grey range."""
    return float((images.float() - others.float()).abs().mean()) / 255
