"""New images by number: image k of a seed is always the same, however many are made at once.

A generator's last bits depend on how many images it makes together. So images are always made in the same
blocks, of which only the wanted ones are kept.
"""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from dcgan_lightning.core.pixels import to_uint8
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.networks.modes import inference

if TYPE_CHECKING:  # its example inputs come from here
    from dcgan_lightning.networks.noise_generator import NoiseGenerator

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


def sample_labels(
    classes: int, count: int, first: int = 0, label: int | Sequence[int] | None = None
) -> Tensor | None:
    """Return the classes of the images ``first`` to ``first + count - 1``, which take turns.

    Args:
        classes: Number of classes the generator knows.
        count: How many, >= 1.
        first: Number of the first one, from 0.
        label: Only this class, or these; None: all of them.

    Returns:
        int64 (count,), or None for a generator without classes.
    """
    if not classes:
        return None
    chosen = torch.arange(classes) if label is None else torch.as_tensor(label).reshape(-1)
    return chosen[torch.arange(first, first + count) % len(chosen)]


def generate_images(generator: "NoiseGenerator", noise: Tensor, labels: Tensor | None = None) -> Tensor:
    """Return images of noise vectors in blocks of one size, so that no image depends on how many there are.

    Args:
        generator: Stays in its mode; images are made in inference mode.
        noise: (N, latent_dim), on any device.
        labels: Classes (N,), or mixtures of them (N, classes), for a generator that knows any.

    Returns:
        uint8 (N, C, 28, 28), on the CPU.
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
    """Yield the images ``first`` to ``first + count - 1`` in pieces, with the memory of one piece.

    Args:
        generator: Makes them (see `generate_images`).
        count: How many, >= 1.
        seed: See `sample_noise`.
        first: Number of the first one, from 0.
        label: See `sample_labels`.
        truncation: Factor of the noise; below 1 images are more usual and less varied (Brock et al. 2019,
            https://arxiv.org/abs/1809.11096, section 3.1, where noise is redrawn instead).

    Shape:
        Each uint8 (up to BLOCK_SIZE, C, 28, 28), on the CPU.
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
    """Return the images of `sample_blocks` as one tensor, uint8 (count, C, 28, 28)."""
    return torch.cat(list(sample_blocks(generator, count, seed, first, label, truncation)))
