import pytest
import torch

from dcgan_lightning.systems.optimizers import make_adam


@pytest.mark.parametrize("betas", [[0, 0.99], (0.0, 0.99)])
def test_whole_numbers_are_decay_rates_too(betas) -> None:
    weight = torch.nn.Parameter(torch.tensor([3.0]))
    optimizer = make_adam([weight], 0.5, betas, 1e-8)
    for gradient in (4.0, -1e-3):  # without memory of the mean, the sign of the newest gradient decides
        weight.grad = torch.tensor([gradient])
        before = weight.item()
        optimizer.step()
        assert (weight.item() - before) * gradient < 0
    assert optimizer.defaults["fused"] is True
