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


def test_a_step_is_adams_and_does_not_look_for_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    start, gradient = torch.tensor([3.0, -2.0]), torch.tensor([0.5, 4.0])
    weights = [torch.nn.Parameter(start.clone()) for _ in range(2)]
    optimizers = [
        make_adam([weights[0]], 0.1, (0.5, 0.9), 1e-8),
        torch.optim.Adam([weights[1]], 0.1, (0.5, 0.9), fused=True),
    ]
    for weight in weights:
        weight.grad = gradient
    optimizers[1].step()
    monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda *_, **__: pytest.fail("asked"))
    optimizers[0].step()
    torch.testing.assert_close(weights[0], weights[1], rtol=0, atol=0)
