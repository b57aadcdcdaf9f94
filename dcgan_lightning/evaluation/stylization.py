"""Style transfer by optimising the pixels of one image."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from dcgan_lightning.core.errors import DivergedError
from dcgan_lightning.core.pixels import luminance
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.evaluation.style_objective import StyleObjective
from dcgan_lightning.losses.style import total_variation
from dcgan_lightning.networks.masks import NEAR

_RANGE_WEIGHT = 10.0  # of the mean squared excess over [-1, 1]


@dataclass(frozen=True)
class LossWeights:
    """Weights of the terms of the loss.

    Attributes:
        content: Weight of the content loss.
        style: Weight of the style loss.
        variation: Weight of the total variation, which smooths the image.
    """

    content: float
    style: float
    variation: float


@dataclass(frozen=True)
class Step:
    """A step of the optimisation.

    Attributes:
        number: From 1.
        image: (C, H, W) in [-1, 1].
        losses: "loss", "style_loss", "content_loss" and "total_variation".
    """

    number: int
    image: Tensor
    losses: dict[str, float]


def optimise_pixels(
    content: Tensor,
    objective: StyleObjective,
    weights: LossWeights,
    steps: int,
    mask: Tensor | None = None,
    noise: float = 0.0,
    seed: int = 0,
    report: Callable[[Step], None] = lambda step: None,
) -> Tensor:
    """Optimise an image with L-BFGS so that it shows the content in the style of the objective.

    Args:
        content: (C, H, W) in [-1, 1].
        objective: Losses of style and content, on the content's device.
        weights: Weights of the losses.
        steps: Number of evaluations of the losses and their gradient.
        mask: Where pixels may change, (1, H, W) in [0, 1]; None: everywhere.
        noise: Share of noise in the initial image, in [0, 1].
        seed: Seed of the noise.
        report: Called with each step.

    Returns:
        (C, H, W) in [-1, 1].

    Raises:
        DivergedError: A loss is not finite.

    Source:
        Gatys et al. 2016, "Image Style Transfer Using Convolutional Neural Networks".
    """
    drawn = torch.randn(content.shape, generator=stream_generator(seed, "stylize")).to(content.device)
    pixels = torch.lerp(content, 0.5 * drawn, noise)[None].requires_grad_()
    masks = None if mask is None else mask[None]
    with torch.no_grad():
        wanted = objective.content(content[None])
    done = 0

    def composed() -> Tensor:
        return pixels if masks is None else torch.lerp(content[None], pixels, masks)

    def evaluate() -> Tensor:
        nonlocal done
        optimizer.zero_grad()
        images = composed()
        excess = (images.abs() - 1).clamp_min(0).square().mean()
        terms = {
            "style_loss": objective.style_loss(images, masks),
            "content_loss": objective.content_loss(images, wanted),
            "total_variation": total_variation(images),
        }
        style, fidelity, variation = terms.values()
        loss = weights.style * style + weights.content * fidelity + weights.variation * variation
        loss = loss + _RANGE_WEIGHT * excess
        done += 1
        losses = {name: float(term.detach()) for name, term in [("loss", loss), *terms.items()]}
        if not math.isfinite(losses["loss"]):
            raise DivergedError(f"the loss became {losses['loss']} at step {done}; use smaller weights")
        if done <= steps:
            report(Step(done, images.detach()[0].clamp(-1, 1), losses))
        loss.backward()
        return loss

    optimizer = torch.optim.LBFGS(
        [pixels],
        max_iter=steps,
        max_eval=steps,
        history_size=20,
        tolerance_grad=0.0,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )
    optimizer.step(evaluate)
    return composed().detach()[0].clamp(-1, 1)


def find_background(image: Tensor, least_share: float = 0.5) -> Tensor | None:
    """Return the colour of most of an image's border, (C, 1, 1), or None if too little of it has one colour.

    Args:
        image: (C, H, W) in [-1, 1].
        least_share: Smallest share of the border that must have the colour.
    """
    border = torch.cat([image[:, 0], image[:, -1], image[:, :, 0], image[:, :, -1]], dim=1)
    colour = border.median(dim=1, keepdim=True).values
    share = ((border - colour).abs().amax(dim=0) < NEAR).float().mean()
    return colour[..., None] if share >= least_share else None


def with_luminance(image: Tensor, grey: Tensor) -> Tensor:
    """Return an image (C, H, W) with another luminance (1, H, W); hue and saturation stay about the same.

    Source:
        Gatys et al. 2016, https://arxiv.org/abs/1606.05897, section 4: luminance-only transfer.
    """
    return (image + grey - luminance(image)).clamp(-1, 1)
