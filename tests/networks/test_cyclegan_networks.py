"""The networks of CycleGAN: shapes, weights, what they leave apart."""

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.testing import assert_close

from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.networks.cyclegan import (
    DIRECTIONS,
    CycleGANGenerator,
    PatchDiscriminator,
    ResidualBlock,
    build,
)

SETTINGS: dict[str, Any] = {
    "image_channels": 1,
    "image_size": 28,
    "generator_channels": [4, 6],
    "blocks": 2,
    "skip": False,
    "discriminator_channels": [4, 6, 8],
    "negative_slope": 0.2,
    "spectral": True,
    "initialization": "glorot_uniform",
}


def draw(*shape: int) -> Tensor:
    return 2 * torch.rand(shape, generator=torch.Generator().manual_seed(0)) - 1


@pytest.mark.parametrize(("channels", "height", "width"), [(1, 28, 28), (3, 32, 32), (1, 64, 28)])
def test_images_become_images_of_their_size(channels: int, height: int, width: int) -> None:
    network = CycleGANGenerator(channels, height, (4, 6), 1)
    made = network(draw(2, channels, height, width))
    assert made.shape == (2, channels, height, width)
    assert made.abs().max() <= 1


def test_each_image_is_translated_by_itself() -> None:
    """Images and those of the identity term share a pass."""
    network, images = CycleGANGenerator(channels=(4, 6)), draw(5, 1, 28, 28)
    assert_close(network(images)[2:4], network(images[2:4]), rtol=1e-5, atol=1e-6)


def test_a_file_holds_all_that_it_takes(tmp_path: Any) -> None:
    network = CycleGANGenerator(channels=(4, 6), blocks=2, skip=True).eval()
    network.save_pretrained(tmp_path)
    again = CycleGANGenerator.from_pretrained(tmp_path)
    shape = {"image_channels": 1, "image_size": 28}
    assert again.arguments == {**shape, "channels": [4, 6], "blocks": 2, "skip": True}
    images = draw(2, 1, 28, 28)
    assert torch.equal(again(images), network(images))


def test_a_block_adds_to_its_input() -> None:
    block, features = ResidualBlock(3), draw(2, 3, 7, 7)
    assert not torch.equal(block(features), features)
    torch.nn.init.zeros_(block.norm_1.weight)
    assert torch.equal(block(features), features)


def test_a_skip_connection_starts_without_effect_and_can_invert_an_image() -> None:
    networks = [
        CycleGANGenerator(3, 28, (4, 6), 1, skip, generator=torch.Generator().manual_seed(0))
        for skip in (False, True)
    ]
    images = draw(2, 3, 28, 28)
    assert torch.equal(networks[0](images), networks[1](images))
    skip = networks[1].skip
    assert skip is not None
    networks[1](images).sum().backward()
    assert skip.weight.grad.abs().min() > 0
    with torch.no_grad():
        networks[1].up[4].weight.zero_()
        skip.weight.copy_(-torch.eye(3).view(3, 3, 1, 1))
        assert torch.equal(networks[1](images), torch.tanh(-images))


def test_a_logit_sees_34_pixels() -> None:
    network = PatchDiscriminator((4, 6, 8), spectral=False)
    images = draw(1, 1, 64, 64).requires_grad_()
    logits = network(images)
    assert logits.shape == (1, 8, 8)
    logits[0, 4, 4].backward()
    assert images.grad is not None
    seen = images.grad[0, 0].nonzero()
    assert (seen.amax(0) - seen.amin(0) + 1).tolist() == [34, 34]
    assert network(draw(3, 1, 28, 28)).shape == (3, 4, 4)


def test_spectral_normalization_bounds_the_slope() -> None:
    torch.manual_seed(0)
    plain, normalized = PatchDiscriminator((4, 6, 8), spectral=False), PatchDiscriminator((4, 6, 8))
    with torch.no_grad():
        for _ in range(30):
            normalized(draw(2, 1, 28, 28))
    for layer in normalized.children():
        matrix = layer.weight.detach().flatten(1)
        assert torch.linalg.matrix_norm(matrix, 2).item() == pytest.approx(1, rel=0.02)
    assert torch.linalg.matrix_norm(plain.convolution_1.weight.flatten(1), 2) > 1.1


def test_all_networks_follow_from_the_seed_and_differ() -> None:
    networks = build(SETTINGS, stream_generator(3, "init"))
    again = build(SETTINGS, stream_generator(3, "init"))
    assert [*networks] == ["generator_ab", "generator_ba", "discriminator_a", "discriminator_b"]
    for name, network in networks.items():
        for key, value in network.state_dict().items():
            assert torch.equal(again[name].state_dict()[key], value), (name, key)
    for kind in ("generator_ab", "generator_ba"), ("discriminator_a", "discriminator_b"):
        first, second = (max(networks[name].parameters(), key=Tensor.numel) for name in kind)
        assert not torch.equal(first, second)
    assert {direction.network for direction in DIRECTIONS.values()} <= {*networks}
    assert [direction.source for direction in DIRECTIONS.values()] == [0, 1]


def test_settings_of_older_checkpoints_have_no_skip_connection() -> None:
    older = {name: value for name, value in SETTINGS.items() if name != "skip"}
    assert build(older)["generator_ab"].skip is None
    assert build({**SETTINGS, "skip": True})["generator_ba"].skip is not None


def test_numbers_of_parameters_are_those_of_the_recipe() -> None:
    assert sum(weights.numel() for weights in CycleGANGenerator().parameters()) == 186_340
    assert sum(weights.numel() for weights in PatchDiscriminator().parameters()) == 108_385
