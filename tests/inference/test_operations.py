"""Networks as lists of operations: the same images, computed by other code."""

from typing import Any

import pytest
import torch
from made_networks import Translator
from plain_interpreter import LAYERS, compute
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan_lightning.core.errors import ExportError
from dcgan_lightning.inference.operations import describe_network, rounded
from dcgan_lightning.inference.pretrained import load_generator
from dcgan_lightning.networks import Generator, NoiseGenerator, SNGANGenerator
from dcgan_lightning.networks.modes import inference


def moved(network: nn.Module) -> nn.Module:
    """Return a network whose BatchNorm statistics and parameters are not those it starts with."""
    with torch.no_grad():
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                value.add_(0.1 * torch.rand_like(value) * (5 if "running" in name else 1))
    return network


def generators() -> dict[str, NoiseGenerator]:
    tiny: dict[str, Any] = {"latent_dim": 6, "channels": (4, 3)}
    made = {output: SNGANGenerator(**tiny, output=output) for output in ("pixel_shuffle", "resize")}
    made["transposed"] = SNGANGenerator(**tiny, output="transposed", classes=3, image_channels=3)
    made["dcgan"] = Generator(6, (4, 3, 2))
    made["dcgan_classes"] = Generator(6, (4, 3, 2), classes=3)
    return made | {"shipped": load_generator("pretrained")}


@pytest.mark.parametrize(
    "name", ["pixel_shuffle", "resize", "transposed", "dcgan", "dcgan_classes", "shipped"]
)
def test_a_generator_makes_the_same_images(name: str) -> None:
    torch.manual_seed(0)
    generator = generators()[name]
    generator = generator if name == "shipped" else moved(generator)
    inputs = {"z": torch.randn(1, generator.latent_dim)}
    if generator.classes:
        inputs["labels"] = torch.full((1, generator.classes), 1 / generator.classes)
    description = describe_network(generator, inputs, "float32")
    with inference(generator):
        expected = generator(*inputs.values())[0]
    assert description.operations[-1]["shape"] == [*expected.shape]
    assert torch.allclose(compute(description, *(value[0] for value in inputs.values())), expected, atol=1e-5)


def test_skips_residual_sums_and_norms() -> None:
    torch.manual_seed(0)
    network, images = Translator(), torch.rand(1, 1, 12, 12) * 2 - 1
    description = describe_network(network, {"images": images}, "float32")
    with inference(network):
        expected = network(images)[0]
    assert torch.allclose(compute(description, images[0]), expected, atol=1e-5)
    assert network.training


def test_the_networks_of_the_tests_have_every_layer() -> None:
    used = set()
    for network in [Translator(), *generators().values()]:
        is_translator = isinstance(network, Translator)
        inputs = {"x": torch.rand(1, 1, 12, 12) if is_translator else torch.rand(1, network.latent_dim)}
        if not is_translator and network.classes:
            inputs["labels"] = torch.rand(1, network.classes)
        used |= {operation["layer"] for operation in describe_network(network, inputs).operations}
    assert used == {*LAYERS}


def test_weights_of_16_bits_are_rounded_and_vectors_are_not() -> None:
    torch.manual_seed(0)
    generator = moved(Generator(6, (4, 3, 2)))
    z = torch.randn(1, 6)
    halved = describe_network(generator, {"z": z})
    assert len(halved.weights) < 0.75 * len(describe_network(generator, {"z": z}, "float32").weights)
    with inference(generator):
        expected = torch.func.functional_call(generator, rounded(generator, "float16"), (z,))[0]
    assert torch.allclose(compute(halved, z[0]), expected, atol=1e-5)


class Refused(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.grouped = nn.Conv2d(2, 2, 3, groups=2)

    def forward(self, x: Tensor) -> Tensor:
        return {
            "groups": lambda: self.grouped(x),
            "dropout": lambda: F.dropout(x, 0.5, training=True),
            "cumsum": lambda: x.cumsum(1),
            "rows": lambda: x + x[..., :1, :],
            "channels": lambda: x[:, :1],
            "expand": lambda: x[:, :1, :1, :1].expand(1, 2, 8, 8) * 2,
            "product": lambda: x @ x,
            "alpha": lambda: torch.add(x, x, alpha=2),
        }[self.kind]()


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("groups", "dilation or groups"),
        ("dropout", "dropout that stays on"),
        ("cumsum", "operation cumsum"),
        ("rows", "cannot combine the shapes"),
        ("channels", "part of the channels"),
        ("expand", "part of the channels"),
        ("product", "two activations"),
        ("alpha", "has options"),
    ],
)
def test_what_has_no_layer_is_refused_by_name(kind: str, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        describe_network(Refused(kind), {"x": torch.rand(1, 2, 8, 8)})
