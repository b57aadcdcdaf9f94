"""Gradient penalties, added to the discriminator's loss.

Each takes (judge, real images, generated images) and returns a scalar with its graph. The judge maps images
(N, C, H, W) to logits (N,) and keeps the graph. `gradient_penalty` pairs real with generated images by index.
"""

from collections.abc import Callable

import torch
from torch import Tensor

Judge = Callable[[Tensor], Tensor]
Penalty = Callable[[Judge, Tensor, Tensor], Tensor]


def squared_slopes(judge: Judge, images: Tensor) -> Tensor:
    """Return the squared norm of each logit's gradient with respect to its image.

    Args:
        judge: Maps images (N, C, H, W) to logits (N,); each logit may depend on its own image only.
        images: (N, C, H, W).

    Returns:
        (N,), with the graph, so that the result can be minimised.
    """
    images = images.detach().requires_grad_()
    (slopes,) = torch.autograd.grad(judge(images).sum(), images, create_graph=True)
    return slopes.square().flatten(1).sum(1)


def r1(judge: Judge, real_images: Tensor, fake_images: Tensor) -> Tensor:
    """Return half the mean squared gradient norm at real images.

    Source:
        Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, equation 9 without its weight.
    """
    return 0.5 * squared_slopes(judge, real_images).mean()


def r2(judge: Judge, real_images: Tensor, fake_images: Tensor) -> Tensor:
    """Return half the mean squared gradient norm at generated images.

    Source:
        Mescheder et al. 2018, https://arxiv.org/abs/1801.04406, equation 10 without its weight.
    """
    return 0.5 * squared_slopes(judge, fake_images).mean()


def r1_and_r2(judge: Judge, real_images: Tensor, fake_images: Tensor) -> Tensor:
    """Return the sum of `r1` and `r2`, as used by Huang et al. 2024, https://arxiv.org/abs/2501.05441."""
    return r1(judge, real_images, fake_images) + r2(judge, real_images, fake_images)


def gradient_penalty(judge: Judge, real_images: Tensor, fake_images: Tensor) -> Tensor:
    """Return the mean squared difference between gradient norm and 1, at random points between paired images.

    Source:
        Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028, equation 3 without its weight.
    """
    pairs = min(len(real_images), len(fake_images))
    share = torch.rand(pairs, 1, 1, 1, device=real_images.device, dtype=real_images.dtype)
    between = torch.lerp(fake_images[:pairs], real_images[:pairs], share)
    # The square root has no derivative at 0.
    return (squared_slopes(judge, between).add(1e-12).sqrt() - 1).square().mean()


PENALTIES: dict[str, Penalty] = {
    "r1": r1,
    "r2": r2,
    "r1_and_r2": r1_and_r2,
    "gradient_penalty": gradient_penalty,
}
