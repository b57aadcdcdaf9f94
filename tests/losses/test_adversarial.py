import math

import pytest
import torch
from torch.testing import assert_close

from dcgan_lightning.losses import LOSSES, discriminator_accuracy, discriminator_loss, generator_loss


def test_values_at_logit_zero() -> None:
    zero = torch.zeros(4)
    assert generator_loss(zero).item() == pytest.approx(math.log(2))
    assert discriminator_loss(zero, torch.zeros(7)).item() == pytest.approx(2 * math.log(2))


def test_values_against_the_definition() -> None:
    real_logits, fake_logits = torch.tensor([1.5, -0.5]), torch.tensor([-2.0, 0.3, 1.0])
    real, fake = real_logits.double().sigmoid(), fake_logits.double().sigmoid()
    assert_close(generator_loss(fake_logits).double(), -fake.log().mean(), atol=1e-7, rtol=0)
    expected = -real.log().mean() - (1 - fake).log().mean()
    assert_close(discriminator_loss(real_logits, fake_logits).double(), expected, atol=1e-7, rtol=0)


def test_stable_for_huge_logits() -> None:
    huge = torch.tensor([1e4, -1e4], requires_grad=True)
    assert generator_loss(huge).item() == 5_000
    assert discriminator_loss(huge, huge).item() == 10_000
    (generator_loss(huge) + discriminator_loss(huge, huge)).backward()
    assert torch.isfinite(huge.grad).all()


def test_accuracies_use_the_notebooks_threshold_on_the_logit() -> None:
    logits = torch.tensor([-1.0, 0.2, 0.5, 3.0])
    real_accuracy, fake_accuracy = discriminator_accuracy(logits, logits)
    assert real_accuracy == 0.5  # 0.5 itself counts as real
    assert fake_accuracy == 0.5
    real_accuracy, fake_accuracy = discriminator_accuracy(logits, logits, threshold=0.0)
    assert real_accuracy == 0.75
    assert fake_accuracy == 0.25


REAL = torch.tensor([1.5, -0.5, 0.2], dtype=torch.float64)
FAKE = torch.tensor([-2.0, 0.3, 1.0], dtype=torch.float64)


def softplus(value: float) -> float:
    return math.log1p(math.exp(value))


# The generator's and the discriminator's loss of one pair of logits, written out.
FORMULAS = {
    "non_saturating": lambda real, fake: (softplus(-fake), softplus(-real) + softplus(fake)),
    "hinge": lambda real, fake: (-fake, max(0.0, 1 - real) + max(0.0, 1 + fake)),
    "least_squares": lambda real, fake: (0.5 * (fake - 1) ** 2, 0.5 * (real - 1) ** 2 + 0.5 * fake**2),
    "wasserstein": lambda real, fake: (-fake, fake - real),
    "relativistic": lambda real, fake: (softplus(real - fake), softplus(fake - real)),
}


@pytest.mark.parametrize("name", LOSSES)
def test_values_of_all_losses_against_their_formulas(name: str) -> None:
    pairs = [FORMULAS[name](real, fake) for real, fake in zip(REAL.tolist(), FAKE.tolist(), strict=True)]
    loss = LOSSES[name]
    assert loss.generator(REAL, FAKE).item() == pytest.approx(sum(pair[0] for pair in pairs) / 3)
    assert loss.discriminator(REAL, FAKE).item() == pytest.approx(sum(pair[1] for pair in pairs) / 3)


@pytest.mark.parametrize("name", LOSSES)
def test_the_generator_gains_where_images_look_more_real(name: str) -> None:
    loss, fake = LOSSES[name], torch.tensor([0.1, 0.3, 0.8], dtype=torch.float64)
    assert loss.generator(REAL, fake + 0.1) < loss.generator(REAL, fake)
    assert loss.discriminator(REAL, fake + 0.1) > loss.discriminator(REAL, fake)


@pytest.mark.parametrize("name", LOSSES)
def test_a_single_pass_is_allowed_where_the_derivatives_have_a_finite_ratio(name: str) -> None:
    fake = torch.linspace(-3, 3, 61, dtype=torch.float64).requires_grad_()
    real = torch.zeros(61, dtype=torch.float64)
    (of_generator,) = torch.autograd.grad(LOSSES[name].generator(real, fake), fake)
    (of_discriminator,) = torch.autograd.grad(LOSSES[name].discriminator(real, fake), fake)
    has_ratio = bool((of_discriminator > 1e-6).all() and torch.isfinite(of_generator).all())
    assert LOSSES[name].allows_single_pass == has_ratio


def test_relativistic_pairs_leave_out_the_rest_of_the_longer_batch() -> None:
    loss = LOSSES["relativistic"]
    assert loss.generator(REAL[:2], FAKE) == loss.generator(REAL[:2], FAKE[:2])
    assert loss.discriminator(REAL, FAKE[:1]) == loss.discriminator(REAL[:1], FAKE[:1])
