import numpy as np
import pytest
import torch

from dcgan_lightning.evaluation.distances import kth_distances, nearest_rows


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


def test_equal_rows_are_at_distance_0() -> None:
    rows = 1000 + torch.randn(50, 300, generator=torch.Generator().manual_seed(0))
    distances, indices = nearest_rows(rows[[4, 9]], rows)
    assert indices.tolist() == [4, 9]
    assert distances.tolist() == [0, 0]
