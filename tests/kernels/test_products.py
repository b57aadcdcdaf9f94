import pytest
import torch
from kernel_checks import draw
from torch import Tensor
from torch.testing import assert_close

from dcgan_lightning.kernels import choose, products
from dcgan_lightning.kernels.products import (
    correlate,
    invert,
    invert_channels_first,
    linear,
    multiply,
    onednn,
    onednn_keeps_float32,
    transform,
)

SIZES = [(1, 1, 1, 1), (3, 5, 2, 4), (17, 4, 6, 3)]  # images, parts, channels before, after


@pytest.fixture(params=[False, True], ids=["mkl", "onednn"], autouse=True)
def is_onednns(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Take each way once, on every CPU."""
    monkeypatch.setattr(products, "is_onednns", lambda _: request.param)
    return bool(request.param)


@pytest.mark.parametrize(("count", "parts", "inputs", "outputs"), SIZES)
def test_each_part_has_its_own_matrix(count: int, parts: int, inputs: int, outputs: int) -> None:
    factors = draw(parts, inputs, outputs)
    for spectrum in (draw(parts, count, inputs), draw(count, parts, inputs).transpose(0, 1)):
        expected = torch.stack([spectrum[part] @ factors[part] for part in range(parts)])
        for layout in (factors, factors.mT.contiguous().mT):
            assert_close(multiply(spectrum, layout), expected, rtol=0, atol=1e-13)


def test_a_transform_serves_all_images_and_channels() -> None:
    matrix = draw(5, 6)
    for blocks in (draw(2, 3, 4, 2, 2), draw(4, 2, 2, 3, 2).permute(1, 3, 0, 2, 4)):
        expected = torch.einsum("ps,snc->pnc", matrix, blocks.reshape(6, 4, 4))
        assert_close(transform(matrix, blocks), expected, rtol=0, atol=1e-13)


def test_the_inverse_in_both_orders() -> None:
    matrix = draw(3, 5)
    for spectrum in (draw(5, 4, 2), draw(4, 5, 2).transpose(0, 1)):
        expected = torch.einsum("sp,pnc->snc", matrix, spectrum)
        assert_close(invert(matrix, spectrum), expected, rtol=0, atol=1e-13)
        first = invert_channels_first(matrix, spectrum)
        assert_close(first, expected.permute(1, 2, 0), rtol=0, atol=1e-13)
        assert first.is_contiguous()


def test_images_or_parts_are_outermost(is_onednns: bool) -> None:
    """What each library takes without copies."""
    spectrum = transform(draw(5, 3), draw(4, 3, 1, 2).permute(1, 2, 0, 3))
    product = multiply(spectrum, draw(5, 2, 2))
    for result in (spectrum, product):
        assert (result if is_onednns else result.transpose(0, 1)).is_contiguous()


def test_correlation_is_the_gradient() -> None:
    spectrum, factors, gradient = draw(5, 3, 2), draw(5, 2, 4).requires_grad_(), draw(5, 3, 4)
    (expected,) = torch.autograd.grad(torch.bmm(spectrum, factors), factors, gradient)
    assert_close(correlate(spectrum, gradient), expected.mT, rtol=0, atol=1e-13)


def test_a_dense_layer_and_its_gradients() -> None:
    inputs, weight = draw(4, 3).requires_grad_(), draw(5, 3).requires_grad_()
    assert_close(linear(inputs, weight), inputs @ weight.t(), rtol=0, atol=1e-13)
    assert torch.autograd.gradcheck(linear, (inputs, weight))
    assert torch.autograd.gradgradcheck(linear, (inputs, weight))
    batches = draw(2, 4, 3).requires_grad_()
    assert_close(linear(batches, weight), batches @ weight.t(), rtol=0, atol=1e-13)
    assert torch.autograd.gradcheck(linear, (batches, weight))


def test_weights_may_change_before_the_backward_pass_that_does_not_need_them() -> None:
    weight = draw(5, 3).requires_grad_()
    output = linear(draw(4, 3), weight)
    with torch.no_grad():
        weight.mul_(2)
    output.sum().backward()
    assert_close(weight.grad, draw(4, 3).sum(0).expand(5, 3), rtol=0, atol=1e-13)


def test_float32_is_kept(is_onednns: bool) -> None:
    """In sizes of the networks, where the CPU keeps it; bfloat16 would be wrong by 2e-3."""
    if is_onednns and not onednn_keeps_float32():
        return
    spectrum, factors = draw(9, 64, 128).float(), draw(9, 128, 64).float()
    matrix = draw(64, 9).float()
    for found, expected in [
        (multiply(spectrum, factors), spectrum.double() @ factors.double()),
        (correlate(spectrum, spectrum), spectrum.double().mT @ spectrum.double()),
        (invert(matrix, spectrum), torch.einsum("ps,snc->pnc", matrix.double(), spectrum.double())),
        (linear(spectrum[0], factors[0].t()), spectrum[0].double() @ factors[0].double()),
    ]:
        assert (found.double() - expected).norm() / expected.norm() < 5e-7


def test_a_cpu_that_rounds_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def rounded(left: Tensor, right: Tensor) -> Tensor:
        assert torch.backends.mkldnn.matmul.fp32_precision == "bf16"
        return left.bfloat16().float() @ right

    monkeypatch.setattr(torch, "bmm", rounded)
    assert not onednn_keeps_float32.__wrapped__()
    monkeypatch.setattr(torch, "bmm", torch.matmul)
    monkeypatch.setattr(products, "onednn", torch.no_grad)  # what PyTorch does by itself
    assert onednn_keeps_float32.__wrapped__()


def test_the_setting_is_restored() -> None:
    def fail() -> None:
        with onednn():
            assert torch.backends.mkldnn.matmul.fp32_precision == "bf16"
            raise RuntimeError("expected")

    before = torch.backends.mkldnn.matmul.fp32_precision
    with pytest.raises(RuntimeError, match="expected"):
        fail()
    assert torch.backends.mkldnn.matmul.fp32_precision == before


def test_threads_share_the_setting() -> None:
    before = torch.backends.mkldnn.matmul.fp32_precision
    first, second = onednn(), onednn()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert torch.backends.mkldnn.matmul.fp32_precision == "bf16"
    second.__exit__(None, None, None)
    assert torch.backends.mkldnn.matmul.fp32_precision == before


def test_the_test_product_is_the_same_in_any_state() -> None:
    expected = onednn_keeps_float32.__wrapped__()
    with torch.autocast("cpu", torch.bfloat16):
        assert onednn_keeps_float32.__wrapped__() is expected
    with torch.device("meta"):
        assert onednn_keeps_float32.__wrapped__() is expected


@pytest.mark.parametrize("keeps", [False, True])
def test_onednn_is_taken_where_it_is_exact(monkeypatch: pytest.MonkeyPatch, keeps: bool) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(products, "onednn_keeps_float32", lambda: keeps)
    monkeypatch.setattr(choose, "use_onednn", lambda values: values.dtype == torch.float32)
    assert products.is_onednns(draw(2, 2).float()) is keeps
    assert not products.is_onednns(draw(2, 2))
