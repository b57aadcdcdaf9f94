import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from dcgan_lightning.evaluation.distances import (
    MOST_BYTES,
    has_integer_products,
    kth_distances,
    nearest_others,
    nearest_rows,
)


def test_kth_distances_by_hand() -> None:
    rows = torch.tensor([[0.0], [1.0], [3.0], [7.0]], dtype=torch.float64)
    first, third = kth_distances(rows, (1, 3))
    assert first.tolist() == pytest.approx([1, 1, 2, 4])
    assert third.tolist() == pytest.approx([7, 6, 4, 7])


@pytest.mark.parametrize("chunk", [1, 7, 100])
def test_distances_equal_a_plain_computation(chunk: int) -> None:
    random = np.random.default_rng(0)
    queries, rows = random.normal(size=(23, 6)), random.normal(size=(31, 6))
    between = np.sqrt(((queries[:, None] - rows[None]) ** 2).sum(axis=2))
    distances, indices = nearest_rows(torch.tensor(queries).float(), torch.tensor(rows).float(), chunk)
    assert indices.tolist() == between.argmin(axis=1).tolist()
    np.testing.assert_allclose(distances, between.min(axis=1), rtol=1e-5)

    within = np.sort(np.sqrt(((rows[:, None] - rows[None]) ** 2).sum(axis=2)), axis=1)
    (second,) = kth_distances(torch.tensor(rows), (2,), chunk)
    np.testing.assert_allclose(second, within[:, 2], rtol=1e-12)


@pytest.mark.parametrize("are_integers", [True, False])
def test_nearest_bytes_are_exact(monkeypatch: pytest.MonkeyPatch, are_integers: bool) -> None:
    allowed = are_integers and has_integer_products()
    monkeypatch.setattr("dcgan_lightning.evaluation.distances.has_integer_products", lambda: allowed)
    random = np.random.default_rng(0)
    # Bytes at both ends of their range, and rows that differ in a single grey level.
    queries = random.choice([0, 1, 254, 255], size=(40, 784)).astype(np.uint8)
    near = queries ^ (np.arange(784) == 3)
    rows = np.concatenate([near, random.integers(0, 256, (60, 784))]).astype(np.uint8)
    found, indices = nearest_rows(torch.from_numpy(queries), torch.from_numpy(rows), chunk=17)
    between = ((queries.astype(int)[:, None] - rows.astype(int)[None]) ** 2).sum(axis=2)
    assert indices.tolist() == between.argmin(axis=1).tolist() == list(range(40))
    assert found.tolist() == [1.0] * 40


@pytest.mark.parametrize("length", [MOST_BYTES, MOST_BYTES + 1])
def test_long_rows_do_not_overflow(length: int) -> None:
    white = torch.full((1, length), 255, dtype=torch.uint8)
    distances, indices = nearest_rows(white, torch.cat([torch.zeros_like(white), white - 5]))
    assert indices.tolist() == [1]
    assert distances.tolist() == pytest.approx([5 * length**0.5])


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_row_that_is_not_finite_is_not_overlooked(broken: float) -> None:
    rows = torch.rand(6, 4, generator=torch.Generator().manual_seed(0))
    rows[2, 1] = broken
    distances, _ = nearest_rows(torch.rand(3, 4, generator=torch.Generator().manual_seed(1)), rows)
    assert not distances.isfinite().any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.uint8])
def test_rows_are_searched_in_blocks(monkeypatch: pytest.MonkeyPatch, dtype: torch.dtype) -> None:
    generator = torch.Generator().manual_seed(0)
    queries, rows = (torch.randint(0, 256, (n, 20), generator=generator).to(dtype) for n in (30, 50))
    wanted = nearest_rows(queries, rows)
    assert wanted[1].tolist() == torch.cdist(queries.double(), rows.double()).argmin(dim=1).tolist()
    for size in (1, 7, 50):
        monkeypatch.setattr("dcgan_lightning.evaluation.distances.ROWS", size)
        assert [found.tolist() for found in nearest_rows(queries, rows)] == [each.tolist() for each in wanted]


def saturated(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Multiply as processors do that add pairs of products in 16 bits."""
    products = (128 + left.int())[:, :, None] * right.int()[None]
    pairs = products.unflatten(1, (-1, 2)).sum(dim=2).clamp(-(2**15), 2**15 - 1)
    return pairs.sum(dim=1) - 128 * right.int().sum(dim=0)


@pytest.mark.parametrize("multiply", [saturated, torch.mm])
def test_integer_products_that_saturate_or_fail_are_not_used(
    monkeypatch: pytest.MonkeyPatch, multiply: Callable[..., torch.Tensor]
) -> None:
    small = torch.ones(2, 4, dtype=torch.int8)
    assert torch.equal(saturated(small, small.T), torch.full((2, 2), 4))
    monkeypatch.setattr("torch._int_mm", multiply)
    assert not has_integer_products.__wrapped__()


def test_equal_rows_are_at_distance_0() -> None:
    rows = 1000 + torch.randn(50, 300, generator=torch.Generator().manual_seed(0))
    distances, indices = nearest_rows(rows[[4, 9]], rows)
    assert indices.tolist() == [4, 9]
    assert distances.tolist() == [0, 0]


@pytest.mark.parametrize("chunk", [1, 2, 3, 10])
def test_nearest_others(chunk: int) -> None:
    rows = torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 0.0], [3.0, 5.0], [9.0, 5.0]])
    assert nearest_others(rows, chunk).tolist() == [0.0, 1.0, 0.0, 1.0, 6.0]
