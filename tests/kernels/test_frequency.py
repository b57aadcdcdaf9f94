import pytest
import torch
from kernel_checks import draw, plain_conv_transpose2d
from torch import Tensor
from torch.testing import assert_close

from dcgan_lightning.kernels.convolution import conv_transpose2d_same
from dcgan_lightning.kernels.frequency import Blocks, Frequency, transforms


def test_error_in_float32_is_below_the_plain_ones() -> None:
    """The notebook's largest layer, against its values in float64."""
    images, weight = draw(8, 256, 7, 7), draw(256, 128, 5, 5) * 0.02
    exact = plain_conv_transpose2d(images, weight, 1)

    def error(result: Tensor) -> float:
        return float((result - exact).norm() / exact.norm())

    ours = error(conv_transpose2d_same(images.float(), weight.float(), 1, Frequency))
    plain = error(plain_conv_transpose2d(images.float(), weight.float(), 1))
    assert ours < 5e-7
    assert ours < plain + 1e-7


@pytest.mark.parametrize(("inputs", "outputs", "stride"), [(256, 128, 1), (128, 64, 2)])
def test_error_in_float32_of_the_products_that_a_training_uses(
    inputs: int, outputs: int, stride: int
) -> None:
    """Two threads and 64 images: with AVX-512 these products are convolutions (`choose.use_grouped`)."""
    images, weight = draw(64, inputs, 7, 7), draw(inputs, outputs, 5, 5) * 0.02
    exact = plain_conv_transpose2d(images, weight, stride)
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        found = conv_transpose2d_same(images.float(), weight.float(), stride, Frequency)
    finally:
        torch.set_num_threads(threads)
    assert float((found - exact).norm() / exact.norm()) < 6e-7


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
