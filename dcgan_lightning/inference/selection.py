"""The images that a generator's own discriminator rates best: fewer torn ones, less variety.

Image k of a seed is always the same, as in `dcgan_lightning.networks.sampling`. Each class has a sequence of
its own, and of each block of candidates the best are kept.

Source:
    Azadi et al. 2019, https://arxiv.org/abs/1810.06758, where candidates are rejected with a probability.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.inference.pretrained import TrainedGenerator
from dcgan_lightning.networks import NoiseGenerator
from dcgan_lightning.networks.modes import inference
from dcgan_lightning.networks.sampling import BLOCK_SIZE, generate_images, sample_blocks, sample_noise


@dataclass(frozen=True)
class Choice:
    """Which images a generator is asked for.

    Attributes:
        label: One class, or several that take turns; None: all, or a generator without classes.
        truncation: Factor of the noise (see `sample_blocks`).
        keep: Share of the images that is kept, those that the discriminator rates best; 1: all.
    """

    label: int | Sequence[int] | None = None
    truncation: float = 1.0
    keep: float = 1.0


def draw_blocks(
    trained: TrainedGenerator, choice: Choice, count: int, seed: int = 0, first: int = 0
) -> Iterator[Tensor]:
    """Yield the images ``first`` to ``first + count - 1`` of a seed in pieces.

    Args:
        trained: Makes them.
        choice: Which of all it can make.
        count: How many, >= 1.
        seed: Of the noise.
        first: Number of the first one, from 0.

    Raises:
        ConfigError: Images shall be selected and there is no discriminator.
    """
    if choice.keep == 1:
        return sample_blocks(trained.generator, count, seed, first, choice.label, choice.truncation)
    if trained.discriminator is None:
        raise ConfigError(
            f"keep={choice.keep} needs the discriminator, which is not part of {trained.path}; use keep=1"
        )
    device = next(trained.generator.parameters()).device
    return select_blocks(trained.generator, trained.discriminator.to(device), choice, count, seed, first)


def select_blocks(
    generator: NoiseGenerator,
    discriminator: nn.Module,
    choice: Choice,
    count: int,
    seed: int = 0,
    first: int = 0,
) -> Iterator[Tensor]:
    """Yield the images ``first`` to ``first + count - 1`` in pieces; the wanted classes take turns.

    Args:
        generator: Makes candidates.
        discriminator: Rates them; on the generator's device.
        choice: Which images; of each class its share is kept.
        count: How many, >= 1.
        seed: Of the noise.
        first: Number of the first one, from 0.

    Shape:
        Each uint8 (up to BLOCK_SIZE * keep * classes, C, 28, 28), on the CPU.
    """
    classes: list[int | None] = [None]
    if generator.classes:
        wanted = range(generator.classes) if choice.label is None else choice.label
        classes = torch.as_tensor(wanted).reshape(-1).tolist()
    kept = max(1, round(BLOCK_SIZE * choice.keep))  # of a block, in each class
    position, end = first, first + count
    while position < end:
        block = position // (kept * len(classes))
        noise = choice.truncation * sample_noise(generator.latent_dim, BLOCK_SIZE, seed, block * BLOCK_SIZE)
        best = [_best(generator, discriminator, noise, label, kept) for label in classes]
        images = torch.stack(best, dim=1).flatten(0, 1)  # the classes take turns
        start = position - block * len(images)
        yield images[start : start + end - position]
        position += min(len(images) - start, end - position)


def _best(
    generator: NoiseGenerator, discriminator: nn.Module, noise: Tensor, label: int | None, kept: int
) -> Tensor:
    """Return the images that are rated best, in the order of their noise."""
    labels = None if label is None else torch.full((len(noise),), label)
    device = next(generator.parameters()).device
    images = generate_images(generator, noise, labels)
    with inference(discriminator):
        inputs = (images.to(device).float() / 127.5 - 1, None if labels is None else labels.to(device))
        logits = discriminator(*inputs).cpu()
    return images[logits.argsort(descending=True, stable=True)[:kept].sort().values]
