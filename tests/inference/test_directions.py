import torch
from torch import nn

from dcgan_lightning.inference.directions import find_directions
from dcgan_lightning.inference.pretrained import load_generator
from dcgan_lightning.networks import Generator, SNGANGenerator
from dcgan_lightning.networks.sampling import generate_images, sample_labels, sample_noise


def test_names_say_what_images_become() -> None:
    generator = load_generator("pretrained")
    directions = find_directions(generator)
    assert len(directions) == 6
    vectors = torch.stack([direction.vector for direction in directions])
    assert torch.allclose(vectors @ vectors.T, torch.eye(6), atol=1e-5)
    named = {direction.high: direction for direction in directions if direction.high}
    assert {"bright", "wide"} <= named.keys()
    assert len(named) == len([direction for direction in directions if direction.low])
    noise, labels = sample_noise(64, 50, seed=9), sample_labels(10, 50)  # other images than they are named by

    def shown(step: float, name: str) -> torch.Tensor:
        return generate_images(generator, noise + step * named[name].vector, labels).float()[:, 0]

    darker, brighter = (shown(step, "bright").flatten(1).median(1).values for step in (-2, 2))
    assert brighter.mean() > darker.mean() + 10
    narrow, wide = ((shown(step, "wide") > 40).any(1).float().sum(1) for step in (-3, 3))
    assert wide.mean() > narrow.mean() + 0.5


def test_directions_of_a_first_layer_with_known_ones() -> None:
    generator = Generator(8, (4, 3, 2), classes=2).eval()
    layer = next(part for part in generator.modules() if isinstance(part, nn.Linear))
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, 3], layer.weight[1, 5], layer.weight[2, 9] = 1.0, 5.0, 9.0  # the last one is a class
    first, second = find_directions(generator, count=2)
    assert first.vector.abs().argmax() == 5
    assert second.vector.abs().argmax() == 3


def test_a_generator_that_begins_otherwise_has_none() -> None:
    generator = SNGANGenerator(8, (4, 3))
    generator.dense = nn.Identity()  # type: ignore[assignment]
    assert find_directions(generator) == []
