"""Numbered images: image k of a seed is always the same, independent of how many are generated at once.

The last bits of a generator's output depend on the batch size. Images are therefore always generated in
blocks of the same size, of which only the requested images are kept.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dcgan_lightning.core.pixels import to_uint8
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.networks.modes import inference

if TYPE_CHECKING:  # noise_generator imports this module
    from dcgan_lightning.networks.noise_generator import NoiseGenerator

BLOCK_SIZE = 256  # images generated together; another size changes the last bits


def sample_noise(latent_dim: int, count: int, seed: int = 0, first: int = 0) -> Tensor:
    """Return the noise vectors of the images ``first`` to ``first + count - 1``, (count, latent_dim).

    Args:
        latent_dim: Length of a noise vector.
        count: Number of images, >= 1.
        seed: Sampling seed, independent of the run's seed.
        first: Number of the first image, from 0.
    """
    blocks = [
        torch.randn(BLOCK_SIZE, latent_dim, generator=stream_generator(seed, "generate", block))
        for block in range(first // BLOCK_SIZE, -(-(first + count) // BLOCK_SIZE))
    ]
    start = first % BLOCK_SIZE
    return torch.cat(blocks)[start : start + count]


def sample_labels(
    classes: int, count: int, first: int = 0, label: int | Sequence[int] | None = None
) -> Tensor | None:
    """Return the classes of the images ``first`` to ``first + count - 1``, which cycle through the classes.

    Args:
        classes: The generator's number of classes.
        count: Number of images, >= 1.
        first: Number of the first image, from 0.
        label: Use only this class or these classes; None: all classes.

    Returns:
        int64 (count,), or None for an unconditional generator.
    """
    if not classes:
        return None
    chosen = torch.arange(classes) if label is None else torch.as_tensor(label).reshape(-1)
    return chosen[torch.arange(first, first + count) % len(chosen)]


def generate_images(generator: "NoiseGenerator", noise: Tensor, labels: Tensor | None = None) -> Tensor:
    """Generate images from noise vectors in blocks of fixed size, so that no image depends on their number.

    Args:
        generator: Used in inference mode; its own mode is restored.
        noise: (N, latent_dim), on any device.
        labels: Classes (N,) or mixtures of classes (N, classes) for a conditional generator; else None.

    Returns:
        uint8 (N, C, H, W), on the CPU.
    """
    device = next(generator.parameters()).device
    images = []
    with inference(generator):
        for start in range(0, len(noise), BLOCK_SIZE):
            inputs = [noise[start : start + BLOCK_SIZE]]
            if labels is not None:
                inputs.append(labels[start : start + BLOCK_SIZE])
            count = len(inputs[0])
            padded = (
                torch.cat([part, part.new_zeros(BLOCK_SIZE - count, *part.shape[1:])]).to(device)
                for part in inputs
            )
            images.append(to_uint8(generator(*padded)[:count]).cpu())
    return torch.cat(images)


def sample_blocks(
    generator: "NoiseGenerator",
    count: int,
    seed: int = 0,
    first: int = 0,
    label: int | Sequence[int] | None = None,
    truncation: float = 1.0,
) -> Iterator[Tensor]:
    """Yield the images ``first`` to ``first + count - 1`` in blocks, with only one block in memory.

    Args:
        generator: The generator (see `generate_images`).
        count: Number of images, >= 1.
        seed: See `sample_noise`.
        first: Number of the first image, from 0.
        label: See `sample_labels`.
        truncation: Factor that scales the noise; below 1 images are more typical and less varied (Brock et
            al. 2019, https://arxiv.org/abs/1809.11096, section 3.1, where noise is resampled instead).

    Shape:
        Each uint8 (up to BLOCK_SIZE, C, H, W), on the CPU.
    """
    position, end = first, first + count
    while position < end:
        begin = position // BLOCK_SIZE * BLOCK_SIZE
        noise = truncation * sample_noise(generator.latent_dim, BLOCK_SIZE, seed, begin)
        images = generate_images(generator, noise, sample_labels(generator.classes, BLOCK_SIZE, begin, label))
        start, stop = position - begin, min(end - begin, BLOCK_SIZE)
        yield images[start:stop]
        position += stop - start


def sample_images(
    generator: "NoiseGenerator",
    count: int,
    seed: int = 0,
    first: int = 0,
    label: int | Sequence[int] | None = None,
    truncation: float = 1.0,
) -> Tensor:
    """Return the images of `sample_blocks` as one tensor, uint8 (count, C, H, W)."""
    return torch.cat(list(sample_blocks(generator, count, seed, first, label, truncation)))
