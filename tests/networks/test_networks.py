import numpy as np
import pytest
import torch
from torch import nn

from dcgan_lightning.config.data import DOUBLINGS
from dcgan_lightning.kernels.choose import FastPaths
from dcgan_lightning.losses import discriminator_loss, generator_loss
from dcgan_lightning.networks import Discriminator, Generator, SNGANDiscriminator, SNGANGenerator
from dcgan_lightning.networks.layers import (
    KerasBatchNorm1d,
    KerasBatchNorm2d,
    SameConv2d,
    SameConvTranspose2d,
    same_padding,
)
from dcgan_lightning.networks.sizes import count_doublings, start_size
from dcgan_lightning.networks.summary import count_parameters


def test_parameter_counts_are_the_notebooks() -> None:
    assert count_parameters(Generator()) == (2_305_472, 25_472)
    assert count_parameters(Discriminator()) == (212_865, 0)


def test_parameters_stand_in_the_order_of_the_layers() -> None:
    assert [name for name, _ in Generator().named_parameters()] == [
        "layers.dense.weight",
        "layers.batch_normalization.weight",
        "layers.batch_normalization.bias",
        "layers.conv2d_transpose.weight",
        "layers.batch_normalization_1.weight",
        "layers.batch_normalization_1.bias",
        "layers.conv2d_transpose_1.weight",
        "layers.batch_normalization_2.weight",
        "layers.batch_normalization_2.bias",
        "layers.conv2d_transpose_2.weight",
    ]
    assert [name for name, _ in Discriminator().named_parameters()] == [
        "layers.conv2d.weight",
        "layers.conv2d.bias",
        "layers.conv2d_1.weight",
        "layers.conv2d_1.bias",
        "layers.dense.weight",
        "layers.dense.bias",
    ]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_shapes_and_range(count: int) -> None:
    generator, discriminator = Generator().eval(), Discriminator()
    images = generator(10 * torch.randn(count, 100))
    assert images.shape == (count, 1, 28, 28)
    assert -1 <= images.min() <= images.max() <= 1
    assert discriminator(images).shape == (count,)


def test_sizes_are_arguments() -> None:
    generator = Generator(latent_dim=3, channels=(6, 5, 4), image_channels=3)
    discriminator = Discriminator(channels=(4, 5), image_channels=3)
    images = generator(torch.randn(2, 3))
    assert images.shape == (2, 3, 28, 28)
    assert discriminator(images).shape == (2,)


def test_slope_and_dropout_are_arguments() -> None:
    discriminator = Discriminator(negative_slope=0.2, dropout=0.1)
    assert discriminator.layers.leaky_re_lu_1.negative_slope == 0.2
    assert discriminator.layers.dropout_1.p == 0.1
    assert Generator(negative_slope=0.1).layers.leaky_re_lu_2.negative_slope == 0.1
    assert Generator().layers.leaky_re_lu.negative_slope == 0.3


def test_wrong_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="channels must have 3 entries"):
        Generator(channels=(8, 8))
    with pytest.raises(ValueError, match="latent_dim=0"):
        Generator(latent_dim=0)
    with pytest.raises(ValueError, match="channels must have 2 entries"):
        Discriminator(channels=(8, 8, 8))
    with pytest.raises(ValueError, match="image_channels=0"):
        Discriminator(image_channels=0)


def test_gradients_reach_every_parameter() -> None:
    generator, discriminator = Generator(8, (8, 6, 4)), Discriminator((4, 6))
    fake_logits = discriminator(generator(torch.randn(4, 8)))
    real_logits = discriminator(torch.randn(4, 1, 28, 28))
    (generator_loss(fake_logits) + discriminator_loss(real_logits, fake_logits)).backward()
    for network in (generator, discriminator):
        for name, parameter in network.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.abs().sum() > 0, name


def test_same_seed_same_weights_and_the_global_generator_does_not_matter() -> None:
    first = Generator(generator=torch.Generator().manual_seed(3))
    torch.manual_seed(99)
    second = Generator(generator=torch.Generator().manual_seed(3))
    for a, b in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize(("kernel", "stride", "expected"), [(5, 1, (2, 2)), (5, 2, (1, 2)), (4, 2, (1, 1))])
def test_same_padding(kernel: int, stride: int, expected: tuple[int, int]) -> None:
    assert same_padding(kernel, stride) == expected


def test_same_padding_refuses_what_it_cannot_do() -> None:
    with pytest.raises(ValueError, match="kernel_size"):
        same_padding(1, 2)


def test_strided_convolution_pads_one_before_and_two_after() -> None:
    layer = SameConv2d(1, 1, 5, stride=2, bias=False)
    image = torch.zeros(1, 1, 6, 6)
    image[0, 0, 0, 0] = 1.0
    with torch.no_grad():
        layer.weight.copy_(torch.arange(25.0).view(1, 1, 5, 5))
        output = layer(image)
    # Pixel (0, 0) lies under the kernel's row 1, column 1 for output (0, 0), and under no other output.
    assert output.shape == (1, 1, 3, 3)
    assert output[0, 0, 0, 0] == 6.0
    assert output.sum() == 6.0


@pytest.mark.parametrize("stride", [1, 2])
def test_transposed_convolution_is_the_gradient_of_the_convolution(stride: int) -> None:
    convolution = SameConv2d(3, 2, 5, stride=stride).double()
    transposed = SameConvTranspose2d(2, 3, 5, stride=stride).double()
    transposed.weight = convolution.weight
    images = torch.randn(2, 3, 8, 8, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 2, 8 // stride, 8 // stride, dtype=torch.float64)
    (gradient,) = torch.autograd.grad((convolution(images) * weights).sum(), images)
    torch.testing.assert_close(transposed(weights), gradient)


@pytest.mark.parametrize(
    ("layer", "shape"), [(KerasBatchNorm1d(3), (4, 3)), (KerasBatchNorm2d(3), (2, 3, 2, 2))]
)
def test_batchnorm_moves_its_statistics_as_keras_does(layer: torch.nn.Module, shape: tuple[int, ...]) -> None:
    images = torch.randn(shape, generator=torch.Generator().manual_seed(0)) * 3 + 1
    axes = tuple(axis for axis in range(len(shape)) if axis != 1)
    mean, variance = images.numpy().mean(axes), images.numpy().var(axes)  # NumPy's var divides by n
    output = layer(images)
    np.testing.assert_allclose(layer.running_mean, 0.01 * mean, atol=1e-6)
    np.testing.assert_allclose(layer.running_var, 0.99 + 0.01 * variance, atol=1e-6)
    view = (1, 3) + (1,) * (len(shape) - 2)
    expected = (images.numpy() - mean.reshape(view)) / np.sqrt(variance.reshape(view) + 1e-3)
    np.testing.assert_allclose(output.detach(), expected, atol=1e-5)
    assert layer.num_batches_tracked == 1
    statistics = layer.running_var.clone()
    layer.eval()(images)
    assert torch.equal(layer.running_var, statistics)


@pytest.mark.parametrize("fast_paths", ["auto", True])
def test_gradient_penalty_is_the_plain_paths(fast_paths: FastPaths) -> None:
    """R1: the penalty and its gradient for every weight; fast paths must not cut the second derivative."""

    def penalty(fast_paths: FastPaths) -> list[torch.Tensor]:
        source = torch.Generator().manual_seed(0)
        network = Discriminator((64, 64), dropout=0.0, generator=source, fast_paths=fast_paths).double()
        images = torch.rand(64, 1, 28, 28, generator=source, dtype=torch.float64).requires_grad_()
        (gradient,) = torch.autograd.grad(network(images).sum(), images, create_graph=True)
        value = gradient.square().sum([1, 2, 3]).mean()
        weights = list(network.parameters())
        value.backward(inputs=weights)
        return [value.detach(), *(torch.zeros_like(w) if w.grad is None else w.grad for w in weights)]

    found, expected = penalty(fast_paths), penalty(False)
    assert expected[1].abs().max() > 0
    for value, plain in zip(found, expected, strict=True):
        torch.testing.assert_close(value, plain, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("image_size", DOUBLINGS)
@pytest.mark.parametrize("image_channels", [1, 3])
def test_networks_follow_the_size_of_the_images(image_size: int, image_channels: int) -> None:
    """Both kinds of networks, in both directions, with layers as the settings promise."""
    shape = {"image_channels": image_channels, "image_size": image_size}
    more = DOUBLINGS[image_size] - 2
    assert count_doublings(image_size) == DOUBLINGS[image_size]
    assert start_size(image_size) * 2 ** DOUBLINGS[image_size] == image_size
    for generator, discriminator in (
        (Generator(5, (16, 8, 8), **shape), Discriminator((4, 6), **shape)),
        (SNGANGenerator(5, (16, 8), **shape), SNGANDiscriminator((4, 6, 8), **shape)),
    ):
        images = generator.eval()(torch.randn(2, 5))
        assert images.shape == (2, image_channels, image_size, image_size)
        assert discriminator(images).shape == (2,)
        convolutions = [each for each in generator.modules() if isinstance(each, nn.modules.conv._ConvNd)]
        halves = [8 // 2**number for number in range(more + 1)]
        assert [each.in_channels for each in convolutions][-more - 1 :] == halves


def test_further_channels_can_be_given() -> None:
    generator = Generator(5, (16, 8, 8, 6), image_size=64)
    assert generator.layers.conv2d_transpose_3.weight.shape[:2] == (6, 1)
    assert Generator(5, (16, 8, 8), image_size=64).layers.conv2d_transpose_3.weight.shape[:2] == (4, 1)
    assert Discriminator((4, 6), image_size=64).layers.conv2d_2.weight.shape[:2] == (12, 6)
    assert SNGANDiscriminator((4, 6, 8), image_size=64).convolution_3.weight.shape[:2] == (16, 8)
    with pytest.raises(ValueError, match="channels must have 3 to 4 entries, got"):
        Generator(5, (16, 8, 8, 6, 4), image_size=64)
    with pytest.raises(ValueError, match="image_size=30"):
        Generator(5, (16, 8, 8), image_size=30)


@pytest.mark.parametrize("image_channels", [1, 3])
def test_fast_paths_make_the_same_of_larger_images(image_channels: int) -> None:
    results = []
    for fast_paths in (True, False):
        weights = torch.Generator().manual_seed(0)
        shape = {"image_channels": image_channels, "image_size": 48, "generator": weights}
        generator = Generator(5, (8, 6, 4), fast_paths=fast_paths, **shape)
        discriminator = Discriminator((4, 6), dropout=0.0, fast_paths=fast_paths, **shape)
        images = generator(torch.randn(3, 5, generator=weights))
        discriminator(images).sum().backward()
        results.append([images, *(parameter.grad for parameter in generator.parameters())])
    for fast, plain in zip(*results, strict=True):
        torch.testing.assert_close(fast, plain, rtol=1e-4, atol=1e-5)


def test_bfloat16_is_for_training_only() -> None:
    """Images are made in float32 whatever a network was trained with."""
    torch.manual_seed(9)
    z = torch.randn(16, 10)
    plain, rounded = (
        Generator(10, (64, 64, 32), fast_paths=setting, generator=torch.Generator().manual_seed(1))
        for setting in ("auto", "bfloat16")
    )
    difference = (plain(z) - rounded(z)).abs().max()
    assert difference < 0.05
    if torch.backends.mkl.is_available():
        assert difference > 1e-5
    rounded.load_state_dict(plain.state_dict())
    assert torch.equal(plain.eval()(z), rounded.eval()(z))
