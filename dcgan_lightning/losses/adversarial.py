"""Adversarial losses of generator and discriminator, as functions of the discriminator's logits.

All losses take the logits of real images (N,) and of generated images (M,) and return a scalar.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class AdversarialLoss:
    """The losses of the two networks.

    Attributes:
        generator: The generator's loss, a function of (real_logits, fake_logits).
        discriminator: The discriminator's loss, a function of (real_logits, fake_logits).
        allows_single_pass: Whether the derivative of the generator's loss with respect to a generated image's
            logit is a finite multiple of the derivative of the discriminator's loss, so that one backward
            pass through the discriminator serves both. False for losses with flat regions (hinge) or with a
            derivative that changes sign (least squares).
    """

    generator: Callable[[Tensor, Tensor], Tensor]
    discriminator: Callable[[Tensor, Tensor], Tensor]
    allows_single_pass: bool


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Return the non-saturating generator loss: the mean of -log(sigmoid(fake_logits)).

    Args:
        fake_logits: The discriminator's logits of generated images.

    Shape:
        (N,); the result is a scalar.

    Source:
        ``generator_loss`` of the notebook; Goodfellow et al. 2014, section 3.
    """
    return F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return BCE(real, 1) + BCE(fake, 0): the sum of two means, as in the notebook.

    Args:
        real_logits: The discriminator's logits of real images.
        fake_logits: The discriminator's logits of generated images.

    Shape:
        (N,) and (M,), where N and M may differ; the result is a scalar.

    Source:
        ``discriminator_loss`` of the notebook.
    """
    real_loss = F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
    fake_loss = F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    return real_loss + fake_loss


def _differences(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return real minus fake logits, pairwise; surplus logits of the longer batch are ignored."""
    pairs = min(len(real_logits), len(fake_logits))
    return real_logits[:pairs] - fake_logits[:pairs]


NON_SATURATING = AdversarialLoss(
    generator=lambda real, fake: generator_loss(fake),
    discriminator=discriminator_loss,
    allows_single_pass=True,
)

LOSSES = {
    # Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661
    "non_saturating": NON_SATURATING,
    # Lim and Ye 2017, https://arxiv.org/abs/1705.02894; Miyato et al. 2018, https://arxiv.org/abs/1802.05957
    "hinge": AdversarialLoss(
        generator=lambda real, fake: -fake.mean(),
        discriminator=lambda real, fake: F.relu(1 - real).mean() + F.relu(1 + fake).mean(),
        allows_single_pass=False,
    ),
    # Mao et al. 2017, https://arxiv.org/abs/1611.04076, with a = 0, b = c = 1
    "least_squares": AdversarialLoss(
        generator=lambda real, fake: 0.5 * (fake - 1).square().mean(),
        discriminator=lambda real, fake: 0.5 * ((real - 1).square().mean() + fake.square().mean()),
        allows_single_pass=False,
    ),
    # Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875; needs a Lipschitz constraint (gradient_penalty)
    "wasserstein": AdversarialLoss(
        generator=lambda real, fake: -fake.mean(),
        discriminator=lambda real, fake: fake.mean() - real.mean(),
        allows_single_pass=True,
    ),
    # Jolicoeur-Martineau 2018, https://arxiv.org/abs/1807.00734; pairwise as in Huang et al. 2024,
    # https://arxiv.org/abs/2501.05441
    "relativistic": AdversarialLoss(
        generator=lambda real, fake: F.softplus(_differences(real, fake)).mean(),
        discriminator=lambda real, fake: F.softplus(-_differences(real, fake)).mean(),
        allows_single_pass=True,
    ),
}
