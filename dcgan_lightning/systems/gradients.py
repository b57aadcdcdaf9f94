"""Gradients of both networks at the same weights, from one forward pass.

In general this takes two backward passes through the discriminator, one for each loss. One pass is enough if
the loss allows it. The discriminator has no BatchNorm, so an image's logit does not depend on other images,
and the gradient of a loss with respect to an image is proportional to the loss' derivative with respect to
the image's logit. The gradient for the generator is therefore that of the discriminator's loss, with each
image's part multiplied by the ratio of the two derivatives.
"""

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from dcgan_lightning.kernels.convolution import join
from dcgan_lightning.losses import AdversarialLoss
from dcgan_lightning.losses.adversarial import NON_SATURATING
from dcgan_lightning.networks.freezing import trainable

# Lower bound on a fake logit's derivative, which keeps the ratio finite. It is the derivative at a logit of
# -40, too small to change any weight.
SMALLEST_DERIVATIVE = 4e-18

Judge = Callable[[Tensor, Tensor | None], Tensor]
"""Maps images (N, C, H, W) and their classes (N,) or None to logits (N,)."""


class Judgement(NamedTuple):
    """The discriminator's logits of a batch, and the losses.

    Attributes:
        real_logits: (N,).
        fake_logits: (M,).
        gen_loss: The generator's loss, a scalar.
        disc_loss: The discriminator's loss, a scalar.
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
    loss: AdversarialLoss = NON_SATURATING,
    labels: tuple[Tensor, Tensor] | None = None,
    judge: Judge | None = None,
    generator_learns: bool = True,
) -> Judgement:
    """Accumulate the gradient of each network's loss in the network's own weights only.

    Args:
        generator: The network that made ``fake_images``.
        discriminator: The network that classifies both, in one batch if ``single_pass``.
        real_images: (N, C, H, W).
        fake_images: (M, C, H, W), with the generator's graph if ``generator_learns``.
        single_pass: Use one backward pass through the discriminator; requires ``loss.allows_single_pass``.
        backward: Called like ``Tensor.backward``.
        loss: The losses of the two networks.
        labels: Classes (N,) of the real and (M,) of the generated images, for conditional networks.
        judge: Called instead of the discriminator, for example to augment its images.
        generator_learns: False: only the discriminator gets gradients.

    Returns:
        Logits and losses, detached.
    """
    judge = judge or discriminator
    seen = fake_images.detach().requires_grad_()  # separates the two networks' graphs
    judges = trainable(discriminator)
    if single_pass:
        logits = judge(join(real_images, seen), torch.cat(labels) if labels else None)
        judgement, derivatives, ratios = _derivatives(logits.detach(), len(real_images), loss)
        backward(logits, gradient=derivatives, inputs=[*judges, seen])
        gradient = (cast(Tensor, seen.grad) * ratios.view(-1, 1, 1, 1)).to(seen.dtype)
    else:
        of_real, of_fake = labels or (None, None)
        with parametrize.cached():  # spectral normalization takes one step, as in a single pass
            judgement = _judge(judge(real_images, of_real), judge(seen, of_fake), loss)
        if generator_learns:
            backward(judgement.gen_loss, retain_graph=True, inputs=[seen])
            gradient = cast(Tensor, seen.grad)
        backward(judgement.disc_loss, inputs=judges)
    if generator_learns:
        backward(fake_images, gradient=gradient, inputs=list(generator.parameters()))
    return Judgement(*(figure.detach() for figure in judgement))


def _judge(real_logits: Tensor, fake_logits: Tensor, loss: AdversarialLoss) -> Judgement:
    losses = loss.generator(real_logits, fake_logits), loss.discriminator(real_logits, fake_logits)
    return Judgement(real_logits, fake_logits, *losses)


def _derivatives(logits: Tensor, real_count: int, loss: AdversarialLoss) -> tuple[Judgement, Tensor, Tensor]:
    """Return the losses and their derivatives with respect to the logits.

    Returns:
        Logits and losses; the derivatives of the discriminator's loss with respect to all logits, (N + M,);
        for the generated images, (M,), the ratios of the generator's derivatives to the discriminator's.
    """
    with torch.enable_grad():
        real_logits = logits[:real_count].requires_grad_()
        fake_logits = logits[real_count:].requires_grad_()
        judgement = _judge(real_logits, fake_logits, loss)
        (generators,) = torch.autograd.grad(judgement.gen_loss, fake_logits, retain_graph=True)
        of_real, of_fake = torch.autograd.grad(judgement.disc_loss, [real_logits, fake_logits])
    of_fake = of_fake.clamp(min=SMALLEST_DERIVATIVE / len(fake_logits))
    return judgement, torch.cat([of_real, of_fake]), generators / of_fake
