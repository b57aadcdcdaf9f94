"""Both networks' gradients at the same weights, from one forward pass.

The plain way goes back through the discriminator twice, once for each loss. One pass is enough where the loss
allows it. The discriminator has no BatchNorm, so an image's logit depends on no other image, and all that a
loss sends back for an image is proportional to the loss' derivative with respect to that logit. The
generator's gradient is thus the discriminator's own, each image's times the ratio of the two derivatives.
"""

from collections.abc import Callable
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn

from dcgan_lightning.losses import AdversarialLoss
from dcgan_lightning.losses.adversarial import NON_SATURATING

# Added up to, where a generated image's derivative in the discriminator's loss is smaller, so that the ratio
# stays finite: that of a logit of -40. It is too little to change any weight.
SMALLEST_DERIVATIVE = 4e-18

Judge = Callable[[Tensor, Tensor | None], Tensor]
"""Images (N, C, H, W) and their classes (N,) to logits (N,)."""


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
    loss: AdversarialLoss = NON_SATURATING,
    labels: tuple[Tensor, Tensor] | None = None,
    judge: Judge | None = None,
    generator_learns: bool = True,
) -> Judgement:
    """Add each loss' gradient to the weights of its own network, and only to them.

    Args:
        generator: Has made ``fake_images``.
        discriminator: Judges both, in one batch if ``single_pass``.
        real_images: (N, C, 28, 28).
        fake_images: (M, C, 28, 28), with the generator's graph if it learns.
        single_pass: Go back through the discriminator once; the loss must allow it.
        backward: Called as ``Tensor.backward``.
        loss: What each network minimises.
        labels: Classes (N,) of the real and (M,) of the generated images, for networks that know any.
        judge: Called in the place of the discriminator, as one that augments images first.
        generator_learns: False: only the discriminator gets gradients.

    Returns:
        Logits and losses, without gradients.
    """
    judge = judge or discriminator
    seen = fake_images.detach().requires_grad_()  # where the two networks' passes meet
    judges = list(discriminator.parameters())
    if single_pass:
        logits = judge(torch.cat([real_images, seen]), torch.cat(labels) if labels else None)
        judgement, derivatives, ratios = _derivatives(logits.detach(), len(real_images), loss)
        backward(logits, gradient=derivatives, inputs=[*judges, seen])
        gradient = (cast(Tensor, seen.grad) * ratios.view(-1, 1, 1, 1)).to(seen.dtype)
    else:
        of_real, of_fake = labels or (None, None)
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
    """Return what the losses say of logits.

    Returns:
        The judgement; the derivatives of the discriminator's loss with respect to all logits, (N + M,); the
        ratios of the generator's loss' derivatives to them for the generated images, (M,).
    """
    with torch.enable_grad():
        real_logits = logits[:real_count].requires_grad_()
        fake_logits = logits[real_count:].requires_grad_()
        judgement = _judge(real_logits, fake_logits, loss)
        (generators,) = torch.autograd.grad(judgement.gen_loss, fake_logits, retain_graph=True)
        of_real, of_fake = torch.autograd.grad(judgement.disc_loss, [real_logits, fake_logits])
    of_fake = of_fake.clamp(min=SMALLEST_DERIVATIVE / len(fake_logits))
    return judgement, torch.cat([of_real, of_fake]), generators / of_fake
