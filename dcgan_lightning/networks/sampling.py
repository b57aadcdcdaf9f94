"""New images by number: image k of a seed is always the same, however many are made at once.

A generator's last bits depend on how many images it makes together. So images are always made in the same
blocks, of which only the wanted ones are kept.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.networks import Generator
from dcgan_lightning.networks.modes import inference
from dcgan_lightning.pictures import to_uint8

BLOCK_SIZE = 256  # images that are made together; other numbers are other last bits


def sample_noise(latent_dim: int, count: int, seed: int = 0, first: int = 0) -> Tensor:
    """Return the noise vectors of the images ``first`` to ``first + count - 1``, (count, latent_dim).

    Args:
        latent_dim: Length of a noise vector.
        count: How many, >= 1.
        seed: Any; not the run's seed.
        first: Number of the first one, from 0.
    """
    blocks = [
        torch.randn(BLOCK_SIZE, latent_dim, generator=stream_generator(seed, "generate", block))
        for block in range(first // BLOCK_SIZE, -(-(first + count) // BLOCK_SIZE))
    ]
    start = first % BLOCK_SIZE
    return torch.cat(blocks)[start : start + count]


def generate_images(generator: Generator, noise: Tensor) -> Tensor:
    """Return images of noise vectors in blocks of one size, so that no image depends on how many there are.

    Args:
        generator: Stays in its mode; images are made in inference mode.
        noise: (N, latent_dim), on any device.

    Returns:
        uint8 (N, C, 28, 28), on the CPU.
    """
    device = next(generator.parameters()).device
    images = []
    with inference(generator):
        for block in noise.split(BLOCK_SIZE):
            padded = torch.cat([block, block.new_zeros(BLOCK_SIZE - len(block), block.shape[1])])
            images.append(to_uint8(generator(padded.to(device))[: len(block)]).cpu())
    return torch.cat(images)


def sample_blocks(generator: Generator, count: int, seed: int = 0, first: int = 0) -> Iterator[Tensor]:
    """Yield the images ``first`` to ``first + count - 1`` in pieces, with the memory of one piece.

    Args:
        generator: Makes them (see `generate_images`).
        count: How many, >= 1.
        seed: See `sample_noise`.
        first: Number of the first one, from 0.

    Shape:
        Each uint8 (up to BLOCK_SIZE, C, 28, 28), on the CPU.
    """
    position, end = first, first + count
    while position < end:
        block = position // BLOCK_SIZE
        noise = sample_noise(generator.latent_dim, BLOCK_SIZE, seed, block * BLOCK_SIZE)
        images = generate_images(generator, noise)
        start, stop = position % BLOCK_SIZE, min(end - block * BLOCK_SIZE, BLOCK_SIZE)
        yield images[start:stop]
        position += stop - start


def sample_images(generator: Generator, count: int, seed: int = 0, first: int = 0) -> Tensor:
    """Return the images of `sample_blocks` as one tensor, uint8 (count, C, 28, 28)."""
    return torch.cat(list(sample_blocks(generator, count, seed, first)))
