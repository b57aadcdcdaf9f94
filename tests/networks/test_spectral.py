import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

from dcgan_lightning.networks.spectral import normalize_spectrally

LAYERS = {
    "convolution": (lambda: nn.Conv2d(3, 5, 4), (2, 3, 6, 6)),
    "dense": (lambda: nn.Linear(6, 1), (2, 6)),
    "embedding": (lambda: nn.Embedding(3, 4), None),
}


def trained(layer: nn.Module, inputs: torch.Tensor) -> list[torch.Tensor]:
    """Return outputs and gradients of some updates, then an output in inference mode."""
    values = []
    weight = layer.parametrizations.weight.original  # type: ignore[union-attr, index]
    for _ in range(3):
        first, second = layer(inputs), layer(inputs)  # two passes before the gradients
        (gradient,) = torch.autograd.grad(first.square().sum() + second.sum(), weight)
        values += [first.detach(), second.detach(), gradient]
        weight.data -= 0.1 * gradient
    return [*values, layer.eval()(inputs).detach()]


@pytest.mark.parametrize("name", LAYERS)
def test_values_and_buffers_are_those_of_pytorch(name: str) -> None:
    make, shape = LAYERS[name]
    inputs = torch.tensor([2, 0]) if shape is None else torch.randn(shape)
    ours = make()
    theirs = make()
    theirs.load_state_dict(ours.state_dict())
    normalize_spectrally(nn.ModuleList([ours]), torch.Generator().manual_seed(4))
    torch.manual_seed(int(torch.randint(2**32, (), generator=torch.Generator().manual_seed(4))))
    spectral_norm(theirs)
    before, expected = ours.state_dict(), theirs.state_dict()
    assert list(before) == list(expected)
    for key, value in before.items():
        assert torch.equal(value, expected[key]), key
    for value, other in zip(trained(ours, inputs), trained(theirs, inputs), strict=True):
        assert torch.equal(value, other)


def test_the_gradient_can_be_differentiated_again() -> None:
    layer = nn.Linear(4, 3).double()
    normalize_spectrally(nn.ModuleList([layer]), None)
    layer.eval()
    inputs = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    weight = layer.parametrizations.weight.original  # type: ignore[union-attr, index]

    def penalty(values: torch.Tensor) -> torch.Tensor:
        outputs = torch.func.functional_call(layer, {"parametrizations.weight.original": values}, (inputs,))
        (gradient,) = torch.autograd.grad(outputs.square().sum(), inputs, create_graph=True)
        return gradient.square().sum()

    assert torch.autograd.gradcheck(penalty, (weight.detach().clone().requires_grad_(),))
