"""The network that stylises: shapes, the canvas, the background, files."""

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.networks import build_translators, directions_of
from dcgan_lightning.networks.style import StyleNetwork
from dcgan_lightning.networks.translator import make_inputs, translate_images

TARGET = "dcgan_lightning.systems.Style"


def made_network(**arguments: object) -> StyleNetwork:
    given = {"image_size": 8, "channels": [6, 4, 3], "blocks": 1, "canvas_channels": 2} | arguments
    return StyleNetwork(**given, generator=stream_generator(0, "init")).eval()  # type: ignore[arg-type]


@pytest.mark.parametrize(("scale", "channels"), [(1, [4]), (2, [4, 3]), (4, [4, 3, 2])])
@pytest.mark.parametrize("image_channels", [1, 3])
def test_images_are_enlarged_first(scale: int, channels: list[int], image_channels: int) -> None:
    network = made_network(scale=scale, channels=channels, image_channels=image_channels)
    images = torch.randint(0, 256, (3, image_channels, 8, 8), dtype=torch.uint8)
    inputs = make_inputs(network, images)
    assert inputs.shape == (3, image_channels, 8 * scale, 8 * scale)
    assert translate_images(network, inputs).shape == inputs.shape
    assert [example.shape for example in network.example_inputs(2)] == [
        (2, image_channels, 8 * scale, 8 * scale)
    ]
    if scale == 1:
        assert torch.equal(inputs, images)


def test_a_flat_image_gets_a_pattern() -> None:
    made = made_network()(torch.full((1, 1, 32, 32), 0.5))
    middle = made[..., 8:24, 8:24]
    assert middle.std() > 0.01  # a convolutional network without a canvas makes a flat one


def test_black_stays_black() -> None:
    images = torch.full((1, 1, 32, 32), -1.0)
    images[..., 8:24, 8:24] = 0.3
    kept, changed = (made_network(keep_background=choice)(images) for choice in (True, False))
    assert_close(kept[..., :4, :], images[..., :4, :])
    assert_close(kept[..., 12:20, 12:20], changed[..., 12:20, 12:20])
    assert not torch.equal(changed[..., :4, :], images[..., :4, :])


def test_it_is_found_and_comes_back_from_its_files(tmp_path: Path) -> None:
    settings = {"image_channels": 1, "image_size": 8, "scale": 2, "channels": [4, 3], "blocks": 1}
    settings |= {"canvas_channels": 2, "keep_background": True}
    network = build_translators(TARGET, settings)[directions_of(TARGET)["stylize"].network]
    assert isinstance(network, StyleNetwork)
    network.save_pretrained(tmp_path)
    inputs = network.example_inputs(2)
    again = StyleNetwork.from_pretrained(tmp_path)
    assert torch.equal(again(*inputs), network.eval()(*inputs))
    assert again.arguments == network.arguments
