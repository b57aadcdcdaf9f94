import pytest
import torch
from kernel_checks import draw
from torch.testing import assert_close

from dcgan_lightning.kernels import choose
from dcgan_lightning.kernels.products import correlate, multiply, multiply_grouped

SIZES = [(1, 1, 1, 1), (3, 5, 2, 4), (17, 4, 6, 3)]  # images, parts, channels before, after


@pytest.mark.parametrize("way", [multiply, multiply_grouped])
@pytest.mark.parametrize(("count", "parts", "inputs", "outputs"), SIZES)
def test_each_part_has_its_own_matrix(way, count, parts, inputs, outputs) -> None:
    spectrum = draw(count, parts, inputs)
    factors = draw(parts, inputs, outputs)
    expected = torch.stack([spectrum[:, part] @ factors[part] for part in range(parts)], dim=1)
    for layout in (factors, factors.mT.contiguous().mT):
        product = way(spectrum, layout)
        assert product.is_contiguous()
        assert_close(product, expected, rtol=0, atol=1e-13)


def test_ways_agree_in_float32() -> None:
    """In sizes of the networks, where the grouped way is the one that is taken if the CPU has it."""
    spectrum, factors = draw(64, 9, 128).float(), draw(9, 128, 64).float()
    expected = torch.einsum("npk,pkm->npm", spectrum.double(), factors.double())
    for way in (multiply, multiply_grouped):
        error = (way(spectrum, factors).double() - expected).norm() / expected.norm()
        assert error < 5e-7


def test_multiply_takes_the_chosen_way(monkeypatch: pytest.MonkeyPatch) -> None:
    spectrum, factors = draw(3, 5, 2), draw(5, 2, 4)
    called = []
    monkeypatch.setattr(torch, "bmm", lambda *_, **__: called.append("bmm"))
    multiply(spectrum, factors)
    monkeypatch.setattr(choose, "use_grouped", lambda *_: True)
    multiply(spectrum, factors)
    assert called == ["bmm"]


def test_correlation_is_the_gradient() -> None:
    spectrum, factors, gradient = draw(3, 5, 2), draw(5, 2, 4).requires_grad_(), draw(3, 5, 4)
    (expected,) = torch.autograd.grad(torch.einsum("npk,pkm->npm", spectrum, factors), factors, gradient)
    assert_close(correlate(spectrum, gradient), expected, rtol=0, atol=1e-13)
