import math

import pytest
import torch

from dcgan_lightning.inference.latent import path, slerp

SHARES = torch.linspace(0, 1, 11)


def vectors(count: int, size: int = 100) -> torch.Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(0))


def test_ends_are_exact() -> None:
    start, end = vectors(2)
    way = slerp(start, 3 * end, SHARES)
    assert way.dtype == torch.float32
    assert torch.equal(way[0], start)
    assert torch.equal(way[-1], 3 * end)


def test_midpoint_of_a_right_angle() -> None:
    (middle,) = slerp(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 3.0]), torch.tensor([0.5]))
    assert torch.allclose(middle, torch.tensor([2.0, 2.0]) / math.sqrt(2))  # half the angle, half the length


def test_the_angle_grows_evenly_and_the_length_in_proportion() -> None:
    start, end = vectors(2).double()
    way = slerp(start, end, SHARES)
    angles = torch.nn.functional.cosine_similarity(way[:-1], way[1:], dim=1).acos()
    assert torch.allclose(angles, angles[0].expand(10), atol=1e-7)
    assert torch.allclose(way.norm(dim=1), torch.lerp(start.norm(), end.norm(), SHARES.double()))


@pytest.mark.parametrize("factor", [1.0, 2.5])
def test_parallel_vectors_keep_their_direction(factor: float) -> None:
    (start,) = vectors(1)
    way = slerp(start, factor * start, SHARES)
    expected = (1 + (factor - 1) * SHARES)[:, None] * start
    assert torch.allclose(way, expected, atol=1e-6)


def test_nearly_parallel_vectors() -> None:
    start, other = vectors(2).double()
    end = start + 1e-6 * other
    way = slerp(start, end, SHARES)
    assert torch.allclose(way, torch.lerp(start, end, SHARES.double()[:, None]), atol=1e-9)


def test_opposite_vectors_keep_their_length() -> None:
    (start,) = vectors(1)
    way = slerp(start, -2 * start, SHARES)
    assert torch.allclose(way[0], start)
    assert torch.allclose(way[-1], -2 * start, atol=1e-6)
    assert torch.allclose(way.norm(dim=1), (1 + SHARES) * start.norm())
    assert abs(float(way[5] @ start)) < 1e-4  # half way it is at a right angle to both


def test_from_the_origin_straight_on() -> None:
    (end,) = vectors(1)
    way = slerp(torch.zeros(100), end, SHARES)
    assert torch.isfinite(way).all()
    assert torch.equal(way[0], torch.zeros(100))
    assert torch.allclose(way[-1], end)


def test_one_dimension_goes_through_the_origin() -> None:
    way = slerp(torch.tensor([1.0]), torch.tensor([-1.0]), torch.tensor([0.0, 0.5, 1.0]))
    assert torch.allclose(way, torch.tensor([[1.0], [0.0], [-1.0]]), atol=1e-7)


@pytest.mark.parametrize("rests", [False, True])
def test_an_open_path_visits_its_points(rests: bool) -> None:
    points = vectors(4)
    way = path(points, 5, rests=rests)
    assert way.shape == (16, 100)
    assert torch.equal(way[::5], points)


def test_a_closed_path_ends_one_step_before_its_start() -> None:
    points = vectors(3)
    way = path(points, 5, is_closed=True)
    assert way.shape == (15, 100)
    assert torch.equal(way[::5], points)
    assert torch.equal(way[10:], slerp(points[2], points[0], torch.arange(5).double() / 5))


def test_resting_makes_small_steps_at_the_points_and_large_ones_between() -> None:
    way = path(vectors(3), 8, is_closed=True, rests=True)
    steps = (way.roll(-1, dims=0) - way).norm(dim=1).view(3, 8)
    assert (steps[:, 0] < steps[:, 3] / 3).all()
    assert (steps[:, -1] < steps[:, 3] / 3).all()
