import pytest
import torch
from kernel_checks import draw, plain_conv_transpose2d
from torch import Tensor
from torch.testing import assert_close

from dcgan_lightning.kernels import choose
from dcgan_lightning.kernels.convolution import conv_transpose2d_same
from dcgan_lightning.kernels.frequency import Blocks, Frequency, transforms


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
    blocks = Blocks.of(3, 5, stride)
    images, weight = draw(2, 4, 3 * stride, 3 * stride), draw(4, 2, 5, 5)
    assert_close(blocks.to_images(blocks.from_images(images, stride), stride), images, rtol=0, atol=0)
    assert_close(blocks.to_kernel(blocks.from_kernel(weight), weight), weight, rtol=0, atol=0)
