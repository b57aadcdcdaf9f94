import math

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.networks import SNGANDiscriminator, SNGANGenerator
from dcgan_lightning.networks.layers import PixelConv2d
from dcgan_lightning.networks.sngan import build
from dcgan_lightning.networks.summary import summarize

LABELS = torch.tensor([2, 0, 1])
SIZES = {"latent_dim": 6, "channels": [8, 4], "classes": 3}


@pytest.mark.parametrize("output", ["pixel_shuffle", "transposed", "resize"])
@pytest.mark.parametrize("channels", [1, 3])
def test_images_of_each_output_layer(output: str, channels: int) -> None:
    generator = SNGANGenerator(6, (8, 4), channels, 3, output)
    images = generator(torch.randn(3, 6), LABELS)
    assert images.shape == (3, channels, 28, 28)
    assert images.abs().max() <= 1
    assert (
        "PixelShuffle" in summarize("generator", generator, torch.zeros(1, 6), LABELS[:1])
        or output != "pixel_shuffle"
    )


def test_numbers_of_parameters_are_those_of_the_recipe() -> None:
    generator, discriminator = SNGANGenerator(classes=10), SNGANDiscriminator(classes=10)
    assert sum(weights.numel() for weights in generator.parameters()) == 379_396
    assert sum(weights.numel() for weights in discriminator.parameters()) == 129_761


def test_the_class_changes_image_and_logit() -> None:
    generator = SNGANGenerator(6, (8, 4), classes=3).eval()
    assert generator.norm.shift is not None
    nn.init.normal_(generator.norm.shift.weight)
    noise = torch.randn(3, 6)
    images = generator(noise, LABELS)
    assert not torch.equal(images, generator(noise, LABELS.flip(0)))
    discriminator = SNGANDiscriminator((4, 6, 8), classes=3).eval()
    assert discriminator(images, LABELS)[0] != discriminator(images, LABELS.flip(0))[0]


def test_without_classes_labels_are_not_needed() -> None:
    images = SNGANGenerator(6, (8, 4))(torch.randn(3, 6))
    assert SNGANDiscriminator((4, 6, 8))(images).shape == (3,)


def test_the_projection_is_an_inner_product_with_the_class() -> None:
    network = SNGANDiscriminator((4, 6, 8), classes=3, spectral=False).eval()
    images = torch.randn(3, 1, 28, 28)
    features = []
    network.dense.register_forward_pre_hook(lambda layer, inputs: features.append(inputs[0]))
    logits = network(images, LABELS)
    assert network.projection is not None
    expected = [
        network.dense.weight[0] @ feature + network.dense.bias[0] + network.projection.weight[label] @ feature
        for feature, label in zip(features[0], LABELS.tolist(), strict=True)
    ]
    assert_close(logits, torch.stack(expected))


def test_spectral_normalization_bounds_every_layer() -> None:
    network = SNGANDiscriminator((4, 6, 8), classes=3)
    for _ in range(50):  # one step of power iteration each
        network(torch.randn(3, 1, 28, 28), LABELS)
    network.eval()
    for name, layer in network.named_children():
        values = torch.linalg.svdvals(layer.weight.flatten(1))
        assert values[0].item() == pytest.approx(1, abs=1e-2), name


def test_a_network_follows_from_the_seed_alone() -> None:
    def networks() -> dict[str, torch.Tensor]:
        source = stream_generator(1, "init")
        generator = SNGANGenerator(6, (8, 4), classes=3, generator=source)
        discriminator = SNGANDiscriminator((4, 6, 8), classes=3, generator=source)
        return nn.ModuleList([generator, discriminator]).state_dict()

    first = networks()
    torch.manual_seed(7)
    for name, value in networks().items():
        assert torch.equal(value, first[name]), name


def test_the_first_vectors_of_the_power_iteration_are_good() -> None:
    """PyTorch takes 15 steps at the start, so the first forward pass is close to normalized already."""
    weight = SNGANDiscriminator((4, 6, 8)).eval().convolution_1.weight
    assert math.isclose(torch.linalg.svdvals(weight.flatten(1))[0].item(), 1, abs_tol=0.1)


def test_build_takes_a_systems_settings() -> None:
    settings = {
        "latent_dim": 6,
        "generator_channels": [8, 4],
        "discriminator_channels": [4, 6, 8],
        "image_channels": 1,
        "classes": 3,
        "output": "resize",
        "negative_slope": 0.1,
        "spectral": False,
        "initialization": "normal",
        "fast_paths": False,
    }
    with torch.device("meta"):
        generator, discriminator = build(settings)
    assert generator.arguments == SIZES | {"image_channels": 1, "image_size": 28, "output": "resize"}
    assert discriminator.negative_slope == 0.1
    assert isinstance(discriminator.convolution, PixelConv2d)
    assert discriminator.convolution.fast_paths is False


@pytest.mark.parametrize("size", [28, 48])
def test_the_fast_path_is_the_plain_discriminator(size: int) -> None:
    found = []
    for fast_paths in (True, False):
        source = stream_generator(1, "init")
        network = SNGANDiscriminator(
            (8, 6, 4), classes=3, image_size=size, generator=source, fast_paths=fast_paths
        )
        network.eval()  # without another step of the power iteration
        images = torch.randn(3, 1, size, size, generator=stream_generator(2, "init")).requires_grad_()
        logits = network(images, LABELS)
        gradients = torch.autograd.grad(logits.square().sum(), [images, *network.parameters()])
        found.append([logits, *gradients])
    for value, expected in zip(*found, strict=True):
        assert_close(value, expected, rtol=1e-4, atol=1e-5)
