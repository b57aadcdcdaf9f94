"""The notebook's losses and accuracies, from logits."""

import torch
from torch import Tensor
from torch.nn import functional as F


def generator_loss(fake_logits: Tensor) -> Tensor:
    """Return the non-saturating generator loss, -log(sigmoid(fake_logits)), averaged.

    Args:
        fake_logits: The discriminator's logits of generated images.

    Shape:
        (N,); the result has no dimensions.

    Source:
        ``generator_loss`` of the notebook; Goodfellow et al. 2014, section 3.
    """
    return F.binary_cross_entropy_with_logits(fake_logits, torch.ones_like(fake_logits))


def discriminator_loss(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """Return BCE(real, 1) + BCE(fake, 0): the sum of two averages, as in the notebook.

    Args:
        real_logits: The discriminator's logits of real images.
        fake_logits: The discriminator's logits of generated images.

    Shape:
        (N,) and (M,), where N and M may differ; the result has no dimensions.

    Source:
        ``discriminator_loss`` of the notebook.
    """
    real_loss = F.binary_cross_entropy_with_logits(real_logits, torch.ones_like(real_logits))
    fake_loss = F.binary_cross_entropy_with_logits(fake_logits, torch.zeros_like(fake_logits))
    return real_loss + fake_loss


def discriminator_accuracy(
    real_logits: Tensor, fake_logits: Tensor, threshold: float = 0.5
) -> tuple[Tensor, Tensor]:
    """Return the shares of real and of fake images that the discriminator judges rightly.

    Args:
        real_logits: Right where at or above the threshold.
        fake_logits: Right where below the threshold.
        threshold: Bound on the *logit*. The notebook's 0.5 calls an image real from a probability of
            0.622 on, which understates the real accuracy and overstates the fake one; 0.0 would be
            the even odds of probability 0.5.

    Shape:
        (N,) and (M,); the results have no dimensions and lie in [0, 1].

    Source:
        ``discriminator_accuracy`` of the notebook.
    """
    real_accuracy = (real_logits >= threshold).float().mean()
    fake_accuracy = (fake_logits < threshold).float().mean()
    return real_accuracy, fake_accuracy
