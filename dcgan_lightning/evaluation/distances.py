"""Distances: nearest neighbours among many rows, in chunks of constant memory, and pixels of pairs."""

from collections.abc import Sequence

import torch
from torch import Tensor


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

    The search uses a matrix product in float32. The distances to the rows found are then recomputed from the
    differences in float64, so that equal rows have distance 0.

    Args:
        queries: (M, D), float32.
        rows: (N, D), float32.
        chunk: Queries at a time.

    Returns:
        float64 (M,) and int64 (M,).
    """
    squares = rows.square().sum(dim=1) / 2
    indices = torch.cat([(squares - part @ rows.T).argmin(dim=1) for part in queries.split(chunk)])
    distances = [
        (part.double() - rows[found].double()).norm(dim=1)
        for part, found in zip(queries.split(chunk), indices.split(chunk), strict=True)
    ]
    return torch.cat(distances), indices


def mean_difference(images: Tensor, others: Tensor) -> float:
    """Return the mean absolute difference of uint8 images (N, C, H, W), as a share of the grey range."""
    return float((images.float() - others.float()).abs().mean()) / 255
