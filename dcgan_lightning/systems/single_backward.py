"""Both losses' gradients from one backward pass through the discriminator.

A logit l of a generated image enters the discriminator's loss as softplus(l) and the generator's as
softplus(-l). Their derivatives are sigmoid(l) and -sigmoid(-l), and the second is the first times -exp(-l).
The discriminator has no BatchNorm, so an image's logit depends on no other image, and what holds for the
logit holds for every pixel: the generator's gradient is the discriminator's own, each image's times -exp(-l).
"""

import torch
from torch import Tensor

# Below this logit the discriminator's derivative (4e-18) goes towards the end of float32's range.
LOWEST_LOGIT = -40.0


def is_exact(fake_logits: Tensor) -> bool:
    """Return whether the rule holds in floating point too: no generated image's logit is too low.

    Args:
        fake_logits: (N,).
    """
    return bool(fake_logits.min() >= LOWEST_LOGIT)


def generator_gradient(discriminator_gradient: Tensor, fake_logits: Tensor) -> Tensor:
    """Return the gradient of `generator_loss` with respect to the generated images.

    Args:
        discriminator_gradient: That of `discriminator_loss`, (N, C, H, W).
        fake_logits: (N,), of which `is_exact` is true.
    """
    ratios = -torch.exp(-fake_logits.detach())
    return discriminator_gradient * ratios.view(-1, 1, 1, 1)
