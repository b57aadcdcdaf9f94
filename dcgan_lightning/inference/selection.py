"""Selection of the images that a generator's discriminator rates best: better quality, less variety.

Image k of a seed is always the same, as in `dcgan_lightning.networks.sampling`. Each class has a separate
sequence, and the best candidates of each block are kept.

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
    """A choice of images.

    Attributes:
        label: One class, or several that the images cycle through; None: all, or an unconditional generator.
        truncation: Factor that scales the noise (see `sample_blocks`).
        keep: Share of the images to keep, in (0, 1]: those that the discriminator rates best; 1: all.
    """

    label: int | Sequence[int] | None = None
    truncation: float = 1.0
    keep: float = 1.0


def draw_blocks(
    trained: TrainedGenerator, choice: Choice, count: int, seed: int = 0, first: int = 0
) -> Iterator[Tensor]:
    """Yield the images ``first`` to ``first + count - 1`` of a seed in blocks.

    Args:
        trained: The generator, with its discriminator if images are selected.
        choice: The choice of images.
        count: Number of images, >= 1.
        seed: Sampling seed.
        first: Number of the first image, from 0.

    Raises:
        ConfigError: ``choice.keep`` is below 1, but the discriminator was not saved.
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
    """Yield the images ``first`` to ``first + count - 1`` in blocks; they cycle through the chosen classes.

    Args:
        generator: The generator of the candidates.
        discriminator: The discriminator that rates them, on the generator's device.
        choice: The choice of images; the share to keep applies to each class.
        count: Number of images, >= 1.
        seed: Sampling seed.
        first: Number of the first image, from 0.

    Shape:
        Each uint8 (up to BLOCK_SIZE * keep * classes, C, H, W), on the CPU.
    """
    classes: list[int | None] = [None]
    if generator.classes:
        wanted = range(generator.classes) if choice.label is None else choice.label
        classes = torch.as_tensor(wanted).reshape(-1).tolist()
    kept = max(1, round(BLOCK_SIZE * choice.keep))  # images kept per block and class
    position, end = first, first + count
    while position < end:
        block = position // (kept * len(classes))
        noise = choice.truncation * sample_noise(generator.latent_dim, BLOCK_SIZE, seed, block * BLOCK_SIZE)
        best = [_best(generator, discriminator, noise, label, kept) for label in classes]
        images = torch.stack(best, dim=1).flatten(0, 1)  # cycles through the classes
        start = position - block * len(images)
        yield images[start : start + end - position]
        position += min(len(images) - start, end - position)


def _best(
    generator: NoiseGenerator, discriminator: nn.Module, noise: Tensor, label: int | None, kept: int
) -> Tensor:
    """Return the images with the best ratings, in the order of their noise."""
    labels = None if label is None else torch.full((len(noise),), label)
    device = next(generator.parameters()).device
    images = generate_images(generator, noise, labels)
    with inference(discriminator):
        inputs = (images.to(device).float() / 127.5 - 1, None if labels is None else labels.to(device))
        logits = discriminator(*inputs).cpu()
    return images[logits.argsort(descending=True, stable=True)[:kept].sort().values]
