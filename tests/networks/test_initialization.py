import math

import pytest
import torch

from dcgan_lightning.networks import Discriminator, Generator, initialize


def test_glorot_uniform_fills_keras_bounds() -> None:
    generator = Generator()
    # Keras: limit sqrt(6 / (fan_in + fan_out)); a kernel's receptive field counts in both fans.
    for weight, fans in [
        (generator.layers.dense.weight, 100 + 12544),
        (generator.layers.conv2d_transpose.weight, 25 * (256 + 128)),
        (generator.layers.conv2d_transpose_2.weight, 25 * (64 + 1)),
        (Discriminator().layers.conv2d_1.weight, 25 * (64 + 128)),
    ]:
        limit = math.sqrt(6 / fans)
        assert 0.98 * limit < weight.abs().max() <= limit
        assert weight.std().item() == pytest.approx(limit / math.sqrt(3), rel=0.05)


def test_normal_is_the_papers() -> None:
    generator = Generator(initialization="normal")
    assert generator.layers.dense.weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert generator.layers.conv2d_transpose.weight.mean().item() == pytest.approx(0, abs=1e-4)
    scale = generator.layers.batch_normalization.weight
    assert scale.mean().item() == pytest.approx(1, abs=1e-3)
    assert scale.std().item() == pytest.approx(0.02, rel=0.03)


@pytest.mark.parametrize("scheme", ["glorot_uniform", "normal"])
def test_biases_and_statistics_start_neutral(scheme: str) -> None:
    generator, discriminator = Generator(initialization=scheme), Discriminator(initialization=scheme)
    assert not discriminator.layers.conv2d.bias.any()
    assert not discriminator.layers.dense.bias.any()
    assert not generator.layers.batch_normalization_1.bias.any()
    assert not generator.layers.batch_normalization_1.running_mean.any()
    assert torch.equal(generator.layers.batch_normalization_1.running_var, torch.ones(128))


def test_unknown_scheme_is_refused() -> None:
    with pytest.raises(ValueError, match=r"glorot_uniform.*normal.*'he'"):
        initialize(Discriminator(), "he")
