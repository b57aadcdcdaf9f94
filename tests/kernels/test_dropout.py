import pytest
import torch
from torch.testing import assert_close

from dcgan_lightning.kernels.dropout import dropout, factors


def test_each_activation_is_0_or_scaled() -> None:
    torch.manual_seed(0)
    activations = torch.randn(5, 3, 7, 7)
    result = dropout(activations, 0.3)
    scale = 65_536 / (65_536 - 19_661)  # 0.3 * 65,536, rounded
    stays = result != 0
    assert_close(result[stays], activations[stays] * scale)
    assert 0.6 < stays.float().mean() < 0.8


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
def test_share_and_mean(share: float) -> None:
    torch.manual_seed(1)
    count = 400_000
    multipliers = factors(torch.empty(count), share)
    dropped = (multipliers == 0).double()
    error = (share * (1 - share) / count) ** 0.5
    assert abs(float(dropped.mean()) - share) < 4 * error
    assert abs(float(multipliers.double().mean()) - 1) < 4 * error / (1 - share)


def test_the_four_decisions_of_a_number_are_independent() -> None:
    torch.manual_seed(2)
    lanes = (factors(torch.empty(400_000), 0.3) == 0).double().view(-1, 4)
    assert (lanes.mean(0) - 0.3).abs().max() < 4 * (0.21 / 100_000) ** 0.5
    correlations = torch.corrcoef(lanes.t()) - torch.eye(4, dtype=torch.float64)
    assert correlations.abs().max() < 4 / 100_000**0.5


@pytest.mark.parametrize("shape", [(1,), (3,), (4,), (7, 5), (3, 2, 5, 5)])
def test_sizes_that_are_no_multiple_of_4(shape: tuple[int, ...]) -> None:
    torch.manual_seed(3)
    assert dropout(torch.ones(shape), 0.5).shape == shape


def test_follows_pytorchs_generator() -> None:
    def draw(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return factors(torch.empty(1000), 0.5)

    assert torch.equal(draw(4), draw(4))
    assert not torch.equal(draw(4), draw(5))


def test_gradient_goes_where_the_activation_went() -> None:
    torch.manual_seed(6)
    activations = torch.ones(50, requires_grad=True)
    result = dropout(activations, 0.4)
    result.sum().backward()
    assert torch.equal(activations.grad, result.detach())


def test_gradient_of_a_gradient() -> None:
    torch.manual_seed(8)
    activations = torch.rand(50, dtype=torch.float64, requires_grad=True)
    result = dropout(activations, 0.4)
    multipliers = (result / activations).detach()
    (gradient,) = torch.autograd.grad(result.square().sum(), activations, create_graph=True)
    (again,) = torch.autograd.grad(gradient.square().sum(), activations)
    assert_close(again, 8 * multipliers**4 * activations)


def test_channels_last_stay_so() -> None:
    activations = torch.ones(2, 3, 4, 4).contiguous(memory_format=torch.channels_last)
    assert factors(activations, 0.5).stride() == activations.stride()
    assert dropout(activations, 0.5).is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("share", "dropped"), [(1e-9, 0.0), (1 - 1e-9, 65_535 / 65_536)])
def test_shares_at_the_ends(share: float, dropped: float) -> None:
    torch.manual_seed(7)
    multipliers = factors(torch.empty(10_000), share)
    assert torch.isfinite(multipliers).all()
    assert abs(float((multipliers == 0).double().mean()) - dropped) < 1e-3
