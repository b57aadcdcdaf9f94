import math

import numpy as np
import pytest
import scipy.linalg
import torch
from score_cases import classifier_features, split

from dcgan_lightning.evaluation.metrics import (
    divergence_from_uniform,
    frechet_distance,
    kernel_distance,
    manifold_scores,
)


def normal(count: int, size: int, seed: int, scale: float = 1.0, shift: float = 0.0) -> torch.Tensor:
    mixing = np.random.default_rng(5).normal(size=(size, size))
    rows = np.random.default_rng(seed).normal(size=(count, size)) @ mixing
    return torch.tensor(scale * rows + shift).float()


def reference_frechet(first: torch.Tensor, second: torch.Tensor) -> float:
    """The formula with NumPy's means and covariances and SciPy's matrix square root."""
    a, b = first.double().numpy(), second.double().numpy()
    covariances = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = scipy.linalg.sqrtm(covariances[0] @ covariances[1]).real
    means = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()
    return float(means + np.trace(covariances[0]) + np.trace(covariances[1]) - 2 * np.trace(root))


@pytest.mark.parametrize("scale", [1.0, 1.5])
def test_frechet_distance_equals_scipys(scale: float) -> None:
    first, second = normal(300, 20, 1), normal(400, 20, 2, scale, shift=0.3)
    assert frechet_distance(first, second) == pytest.approx(reference_frechet(first, second), rel=1e-6)
    assert frechet_distance(second, first) == pytest.approx(frechet_distance(first, second), rel=1e-9)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-6)


@pytest.mark.real_data
def test_frechet_distance_of_real_features_equals_scipys() -> None:
    features = classifier_features()
    first, second = features(split("train")[0][:2000]), features(split("test")[0][:2000])
    assert frechet_distance(first, second) == pytest.approx(reference_frechet(first, second), rel=1e-6)


def test_frechet_distance_of_shifted_features_is_known() -> None:
    rows = normal(200, 5, 1).double()
    assert frechet_distance(rows, rows + 2) == pytest.approx(5 * 4, rel=1e-7)
    # Twice as wide: tr(C + 4C - 4C) = tr(C), and the means are apart by one mean.
    expected = torch.cov(rows.T).trace() + rows.mean(dim=0).square().sum()
    assert frechet_distance(rows, 2 * rows) == pytest.approx(float(expected), rel=1e-7)


def test_frechet_distance_of_one_repeated_image() -> None:
    rows, constant = normal(200, 5, 1), torch.full((50, 5), 0.25)
    expected = torch.cov(rows.double().T).trace() + (rows.double().mean(dim=0) - 0.25).square().sum()
    assert frechet_distance(rows, constant) == pytest.approx(float(expected), rel=1e-6)


def test_kernel_distance_equals_a_plain_computation() -> None:
    first, second = normal(40, 6, 1), normal(40, 6, 2, scale=1.3)
    a, b = first.double().numpy(), second.double().numpy()

    def kernel(x: np.ndarray, y: np.ndarray) -> float:
        return (x @ y / 6 + 1) ** 3

    within = [np.mean([kernel(x[i], x[j]) for i in range(40) for j in range(40) if i != j]) for x in (a, b)]
    between = np.mean([kernel(x, y) for x in a for y in b])
    mean, deviation = kernel_distance(first, second, subsets=3, subset_size=1000)  # each has all rows
    assert mean == pytest.approx(sum(within) - 2 * between, rel=1e-6)
    assert deviation == pytest.approx(0, abs=1e-9 * abs(mean))


def test_kernel_distance_repeats_and_leaves_the_global_generator_alone() -> None:
    first, second = normal(300, 6, 1), normal(300, 6, 2)
    state = torch.get_rng_state()
    found = kernel_distance(first, second, subsets=20, subset_size=50)
    assert kernel_distance(first, second, subsets=20, subset_size=50) == found
    assert torch.equal(torch.get_rng_state(), state)
    assert found.deviation > 0
    assert abs(found.mean) < 3 * found.deviation  # no bias: the two are alike
    assert kernel_distance(first, 2 * second, 20, 50).mean > 3 * found.deviation


def reference_manifold(real: np.ndarray, fake: np.ndarray) -> tuple[float, float, float, float]:
    """Precision and recall with k = 3, density and coverage with k = 5, loop by loop."""

    def distance(x: np.ndarray, y: np.ndarray) -> float:
        return float(np.sqrt(((x - y) ** 2).sum()))

    def radius(rows: np.ndarray, i: int, k: int) -> float:
        return sorted(distance(rows[i], rows[j]) for j in range(len(rows)) if j != i)[k - 1]

    n, m = len(real), len(fake)
    near, far = ([radius(real, i, k) for i in range(n)] for k in (3, 5))
    near_fake = [radius(fake, j, 3) for j in range(m)]
    between = [[distance(real[i], fake[j]) for j in range(m)] for i in range(n)]
    precision = sum(any(between[i][j] < near[i] for i in range(n)) for j in range(m)) / m
    recall = sum(any(between[i][j] < near_fake[j] for j in range(m)) for i in range(n)) / n
    density = sum(between[i][j] < far[i] for i in range(n) for j in range(m)) / (5 * m)
    coverage = sum(any(between[i][j] < far[i] for j in range(m)) for i in range(n)) / n
    return precision, recall, density, coverage


@pytest.mark.parametrize("chunk", [7, 1000])
@pytest.mark.parametrize("shift", [0.0, 1.0])
def test_manifold_scores_equal_a_plain_computation(shift: float, chunk: int) -> None:
    random = np.random.default_rng(0)
    real, fake = random.normal(size=(40, 3)), 0.8 * random.normal(size=(50, 3)) + shift
    expected = reference_manifold(real, fake)
    assert manifold_scores(torch.tensor(real), torch.tensor(fake), chunk) == pytest.approx(expected)
    assert 0 < expected[0] < 1
    assert 0 < expected[1] < 1
    assert (expected[3] < 1) is (shift == 1)


def test_manifold_scores_by_hand() -> None:
    real = torch.arange(12.0).view(-1, 1).double()
    # The fifth neighbours of 2 to 9 are 3 away, those of 1 and 0 are 4 and 5 away: 5.5 is among 3 to 8 only.
    collapsed = torch.full((20, 1), 5.5).double()
    assert manifold_scores(real, collapsed) == pytest.approx((1, 0, 6 / 5, 6 / 12))
    assert manifold_scores(real, real)[:2] == (1, 1)
    assert manifold_scores(real, real)[3] == 1
    assert manifold_scores(real, real + 1000) == (0, 0, 0, 0)
    # Half of the line is missed: what there is, is real.
    precision, recall, _, coverage = manifold_scores(real, real[:6] + 0.1)
    assert (precision, recall) == (1, pytest.approx(9 / 12))  # 5.1 reaches to the fakes' third, 3 away: to 8
    assert coverage == pytest.approx(9 / 12)  # the fifth neighbours of 8 and 9 are 3 away


def test_divergence_from_uniform() -> None:
    assert divergence_from_uniform(torch.full((10,), 0.1)) == pytest.approx(0, abs=1e-7)
    assert divergence_from_uniform(torch.eye(10)[3]) == pytest.approx(math.log(10))
    assert divergence_from_uniform(torch.tensor([0.5, 0.5, 0, 0])) == pytest.approx(math.log(2))
    assert divergence_from_uniform(torch.tensor([0.75, 0.25])) == pytest.approx(
        0.75 * math.log(1.5) + 0.25 * math.log(0.5)
    )
