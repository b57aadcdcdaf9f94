import math

import pytest
import torch
from torch.testing import assert_close

from dcgan_lightning.networks import discriminator_accuracy, discriminator_loss, generator_loss


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
