"""Both networks' gradients at the same weights, from one forward pass.

The plain way goes back through the discriminator twice, once for each loss. One pass is enough: a logit l of
a generated image enters the discriminator's loss as softplus(l) and the generator's as softplus(-l). Their
derivatives are sigmoid(l) and -sigmoid(-l), and the second is the first times -exp(-l). The discriminator has
no BatchNorm, so an image's logit depends on no other image, and what holds for the logit holds for every
pixel: the generator's gradient is the discriminator's own, each image's times -exp(-l).
"""

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from dcgan_lightning.networks import discriminator_loss, generator_loss

# Below this logit the discriminator's derivative (4e-18) goes towards the end of float32's range.
LOWEST_LOGIT = -40.0


class Judgement(NamedTuple):
    """What the discriminator made of a batch.

    Attributes:
        real_logits: (N,).
        fake_logits: (M,).
        gen_loss: No dimensions.
        disc_loss: No dimensions.
    """

    real_logits: Tensor
    fake_logits: Tensor
    gen_loss: Tensor
    disc_loss: Tensor


def backpropagate(
    generator: nn.Module,
    discriminator: nn.Module,
    real_images: Tensor,
    fake_images: Tensor,
    single_pass: bool,
    backward: Callable[..., None] = Tensor.backward,
) -> Judgement:
    """Add each loss' gradient to the weights of its own network, and only to them.

    Args:
        generator: Has made ``fake_images``.
        discriminator: Judges both, in one batch if ``single_pass``.
        real_images: (N, C, 28, 28).
        fake_images: (M, C, 28, 28), with the generator's graph.
        single_pass: Go back through the discriminator once. Where a generated image's logit is so low that
            the rule would lose precision, there are two passes all the same.
        backward: Called as ``Tensor.backward``.

    Returns:
        Logits and losses, without gradients.
    """
    seen = fake_images.detach().requires_grad_()  # where the two networks' passes meet
    if single_pass:
        logits = discriminator(torch.cat([real_images, seen]))
        real_logits, fake_logits = logits[: len(real_images)], logits[len(real_images) :]
    else:
        real_logits, fake_logits = discriminator(real_images), discriminator(seen)
    gen_loss, disc_loss = generator_loss(fake_logits), discriminator_loss(real_logits, fake_logits)

    judges = list(discriminator.parameters())
    if single_pass and fake_logits.min() >= LOWEST_LOGIT:
        backward(disc_loss, inputs=[*judges, seen])
        ratios = -torch.exp(-fake_logits.detach())
        gradient = cast(Tensor, seen.grad) * ratios.view(-1, 1, 1, 1)
    else:
        backward(gen_loss, retain_graph=True, inputs=[seen])
        gradient = cast(Tensor, seen.grad)
        backward(disc_loss, inputs=judges)
    backward(fake_images, gradient=gradient, inputs=list(generator.parameters()))
    return Judgement(*(figure.detach() for figure in (real_logits, fake_logits, gen_loss, disc_loss)))
