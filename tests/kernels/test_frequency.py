import pytest
import torch
from kernel_checks import draw, outcome, plain_conv_transpose2d
from torch import Tensor
from torch.testing import assert_close

from dcgan_lightning.kernels import choose
from dcgan_lightning.kernels.convolution import conv2d_same, conv_transpose2d_same
from dcgan_lightning.kernels.frequency import (
    BFloat16Frequency,
    Blocks,
    Frequency,
    from_blocks,
    to_blocks,
    transforms,
)


@pytest.mark.parametrize("is_wide", [False, True], ids=["MKL", "oneDNN, if the CPU has AVX-512"])
@pytest.mark.parametrize(
    ("count", "inputs", "outputs", "stride"), [(8, 256, 128, 1), (64, 256, 128, 1), (64, 128, 64, 2)]
)
def test_error_in_float32(
    monkeypatch: pytest.MonkeyPatch, is_wide: bool, count: int, inputs: int, outputs: int, stride: int
) -> None:
    """The notebook's inner layers, against their values in float64."""
    if not is_wide:
        monkeypatch.setattr(choose, "use_onednn", lambda _: False)
    images, weight = draw(count, inputs, 7, 7), draw(inputs, outputs, 5, 5) * 0.02
    exact = plain_conv_transpose2d(images, weight, stride)

    def error(result: Tensor) -> float:
        return float((result - exact).norm() / exact.norm())

    ours = error(conv_transpose2d_same(images.float(), weight.float(), stride, Frequency))
    assert ours < 5e-7
    if not is_wide:  # MKL's sums are in blocks, oneDNN's are not
        plain = error(plain_conv_transpose2d(images.float(), weight.float(), stride))
        assert ours < plain + 1e-7


@pytest.mark.parametrize(
    ("side", "kernel", "stride", "parts"),
    [(7, 5, 1, 1 + 3 * 40), (7, 5, 2, 4 + 3 * 30), (4, 3, 1, 1 + 3 * 12)],
)
def test_number_of_products(side: int, kernel: int, stride: int, parts: int) -> None:
    """The notebook's layers have 9 x 9 and 8 x 8 frequencies: the shortest periods."""
    blocks = Blocks.of(side, kernel, stride)
    matrices = transforms(side, blocks.taps, blocks.before, torch.float64, torch.device("cpu"))
    assert matrices.image.shape == (parts, side**2)
    assert matrices.kernel.shape == (parts, blocks.taps**2)
    assert matrices.back.shape == (side**2, parts)


@pytest.mark.parametrize(
    ("kernel", "stride", "expected"),
    [
        (5, 1, Blocks(7, 1, 5, 2, (0, 0))),
        (5, 2, Blocks(7, 2, 3, 1, (1, 0))),
        (4, 2, Blocks(7, 2, 3, 1, (1, 1))),
        (3, 3, Blocks(7, 3, 1, 0, (0, 0))),
    ],
)
def test_layout_in_blocks(kernel: int, stride: int, expected: Blocks) -> None:
    assert Blocks.of(7, kernel, stride) == expected


@pytest.mark.parametrize("stride", [1, 2])
def test_blocks_are_inverse(stride: int) -> None:
    images = draw(2, 4, 3 * stride, 3 * stride)
    blocks = to_blocks(images, stride)
    assert blocks.shape == (3, 3, 2, stride, stride, 4)
    assert blocks[1, 2, 0, -1, 0, 3] == images[0, 3, 2 * stride - 1, 2 * stride]
    pixels = from_blocks(blocks.reshape(9, 2, -1), 3, stride)
    assert_close(pixels, images, rtol=0, atol=0)
    assert pixels.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("is_last", [False, True])
def test_a_gradient_has_the_memory_format_of_its_images(is_last: bool) -> None:
    """As the layers before take it without copies."""
    images, weight = draw(3, 4, 7, 7), draw(4, 2, 5, 5)
    if is_last:
        images = images.contiguous(memory_format=torch.channels_last)
    _, gradient, _ = outcome(conv_transpose2d_same, images, weight, 2, Frequency)
    assert gradient.stride() == images.stride()


@pytest.mark.parametrize(("outer", "inner", "stride"), [(128, 256, 1), (64, 128, 2)])
def test_products_in_bfloat16(outer: int, inner: int, stride: int) -> None:
    """The notebook's inner layers, results and gradients: rounded, but in the type of the images."""
    features, weight = draw(8, inner, 7, 7), draw(inner, outer, 5, 5)
    images = draw(8, outer, 7 * stride, 7 * stride)
    for convolve, inputs in ((conv2d_same, images), (conv_transpose2d_same, features)):
        exact = outcome(convolve, inputs, weight, stride, Frequency)
        for found, expected in zip(
            outcome(convolve, inputs, weight, stride, BFloat16Frequency), exact, strict=True
        ):
            assert found.dtype == torch.float64
            assert found.stride() == expected.stride()
            assert 1e-3 < (found - expected).norm() / expected.norm() < 1e-2
