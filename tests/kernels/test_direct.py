import torch
from kernel_checks import draw, plain_conv2d, plain_conv_transpose2d
from torch.testing import assert_close

from dcgan_lightning.kernels.convolution import conv2d_same, conv_transpose2d_same
from dcgan_lightning.kernels.direct import Direct


def test_in_float32_with_the_networks_sizes() -> None:
    """Where oneDNN computes; the results are channels last, as what comes next wants them."""
    images, features, weight = draw(20, 1, 28, 28), draw(20, 64, 14, 14), draw(64, 1, 5, 5)
    output = conv2d_same(images.float(), weight.float(), 2, Direct)
    assert output.is_contiguous(memory_format=torch.channels_last)
    assert_close(output.double(), plain_conv2d(images, weight, 2), rtol=0, atol=1e-4)
    pixels = conv_transpose2d_same(features.float(), weight.float(), 2, Direct)
    assert_close(pixels.double(), plain_conv_transpose2d(features, weight, 2), rtol=0, atol=1e-3)
