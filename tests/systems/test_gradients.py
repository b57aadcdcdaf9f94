from collections.abc import Sequence
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

from dcgan_lightning.losses import discriminator_loss, generator_loss
from dcgan_lightning.networks import Discriminator, Generator
from dcgan_lightning.systems.gradients import SMALLEST_DERIVATIVE, Judgement, backpropagate

REAL, FAKE = 3, 5  # images of a batch


class Networks:
    """Tiny networks in float64 and a batch, the same each time."""

    def __init__(self) -> None:
        source = torch.Generator().manual_seed(0)
        self.generator = Generator(6, (8, 6, 4), generator=source).double()
        self.discriminator = Discriminator((4, 6), dropout=0.0, generator=source).double()
        self.real_images = torch.rand(REAL, 1, 28, 28, generator=source, dtype=torch.float64) * 2 - 1
        self.noise = torch.randn(FAKE, 6, generator=source, dtype=torch.float64)

    def backpropagate(self, single_pass: bool) -> Judgement:
        fake_images = self.generator(self.noise)
        return backpropagate(
            self.generator, self.discriminator, self.real_images, fake_images, single_pass=single_pass
        )

    def gradients(self) -> list[Tensor]:
        found = [weight.grad for weight in [*self.generator.parameters(), *self.discriminator.parameters()]]
        assert all(gradient is not None for gradient in found)
        return [gradient for gradient in found if gradient is not None]

    def shift_logits(self, shift: float) -> None:
        with torch.no_grad():
            self.discriminator.layers.dense.bias.add_(shift)


def expected_gradients(networks: Networks) -> list[Tensor]:
    fake_logits = networks.discriminator(networks.generator(networks.noise))
    real_logits = networks.discriminator(networks.real_images)
    gen_loss, disc_loss = generator_loss(fake_logits), discriminator_loss(real_logits, fake_logits)
    return [
        *torch.autograd.grad(gen_loss, list(networks.generator.parameters()), retain_graph=True),
        *torch.autograd.grad(disc_loss, list(networks.discriminator.parameters())),
    ]


def relative_differences(found: Sequence[Tensor], expected: Sequence[Tensor]) -> list[float]:
    return [float((a - b).abs().max() / b.abs().max()) for a, b in zip(found, expected, strict=True)]


@pytest.mark.parametrize("single_pass", [False, True])
@pytest.mark.parametrize("shift", [0.0, 8.0, -8.0, -35.0])
def test_each_loss_goes_to_its_own_network(single_pass: bool, shift: float) -> None:
    networks, reference = Networks(), Networks()
    networks.shift_logits(shift)
    reference.shift_logits(shift)
    networks.backpropagate(single_pass)
    assert max(relative_differences(networks.gradients(), expected_gradients(reference))) < 1e-9


def count_passes(single_pass: bool) -> int:
    """Return how many backward passes go through the discriminator."""
    networks, passes = Networks(), []

    def backward(tensor: Tensor, **options: Any) -> None:
        passes.append(tensor)
        tensor.backward(**options)

    batch = networks.real_images, networks.generator(networks.noise)
    backpropagate(networks.generator, networks.discriminator, *batch, single_pass, backward)
    return len(passes) - 1  # the last one is the generator's own


def test_number_of_passes_through_the_discriminator() -> None:
    assert count_passes(single_pass=False) == 2
    assert count_passes(single_pass=True) == 1


@pytest.mark.parametrize("shift", [-1000.0, 1000.0])
def test_gradients_stay_right_at_any_logit(shift: float) -> None:
    networks, reference = Networks(), Networks()
    networks.shift_logits(shift)
    reference.shift_logits(shift)
    networks.backpropagate(single_pass=True)
    for found, expected in zip(networks.gradients(), expected_gradients(reference), strict=True):
        assert torch.isfinite(found).all()
        assert_close(found, expected, rtol=1e-9, atol=10 * SMALLEST_DERIVATIVE)


def test_a_loss_that_is_not_finite_stays_so() -> None:
    """Nothing may turn it into numbers that look good."""
    networks = Networks()
    networks.shift_logits(float("nan"))
    judgement = networks.backpropagate(single_pass=True)
    assert judgement.gen_loss.isnan()
    assert judgement.disc_loss.isnan()


def test_both_ways_judge_alike() -> None:
    plain, single = Networks().backpropagate(False), Networks().backpropagate(True)
    for name, a, b in zip(Judgement._fields, plain, single, strict=True):
        assert_close(a, b, rtol=0, atol=1e-12, msg=name)
        assert not a.requires_grad
    assert plain.real_logits.shape == (REAL,)
    assert plain.fake_logits.shape == (FAKE,)


def test_no_layer_of_the_discriminator_mixes_images() -> None:
    """The rule needs it: a BatchNorm would make every image's logit depend on the others."""
    network = Networks().discriminator
    assert not any(isinstance(layer, nn.modules.batchnorm._BatchNorm) for layer in network.modules())
    images = torch.randn(4, 1, 28, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    changed = images.clone()
    changed[2] += 1
    difference = network(changed) - network(images)
    assert difference[2] != 0
    assert difference[[0, 1, 3]].abs().max() < 1e-14
