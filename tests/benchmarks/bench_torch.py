"""The training in plain PyTorch, in two orders, with the images as one float32 tensor in memory.

Both use this project's networks with PyTorch's own operations in its usual memory layout, and PyTorch's usual
(not fused) Adam, as PyTorch's DCGAN tutorial does.
"""

from collections.abc import Iterator

import numpy as np
import torch
from bench_process import ADAM_EPS, LATENT_DIM, LEARNING_RATE, Clock, Figures, Setup, training_figures
from torch import Tensor
from torch.optim import Adam

from dcgan_lightning.networks import (
    Discriminator,
    Generator,
    discriminator_accuracy,
    discriminator_loss,
    generator_loss,
)
from dcgan_lightning.networks.summary import count_parameters

IDX_HEADER = 16  # bytes before the pixels of a file of images


def plain_networks(setup: Setup) -> tuple[Generator, Discriminator]:
    """Return both networks, made of PyTorch's own operations."""
    generator = Generator(LATENT_DIM, setup.generator_channels, fast_paths=False)
    return generator, Discriminator(setup.discriminator_channels, fast_paths=False)


def plain_adam(network: torch.nn.Module) -> Adam:
    """Return the usual optimizer with the notebook's settings."""
    return Adam(network.parameters(), LEARNING_RATE, eps=ADAM_EPS)


def trainable(*networks: torch.nn.Module) -> tuple[int, int]:
    """Return the numbers of trainable parameters of two networks."""
    first, second = (count_parameters(network)[0] for network in networks)
    return first, second


def batches(setup: Setup) -> Iterator[Tensor]:
    """Yield shuffled batches, epoch after epoch."""
    pixels = np.fromfile(setup.raw_folder() / "train-images-idx3-ubyte", np.uint8)[IDX_HEADER:]
    images = torch.from_numpy(pixels).view(-1, 1, 28, 28).float().sub_(127.5).div_(127.5)
    while True:
        for rows in torch.randperm(len(images)).split(setup.batch_size):
            yield images[rows]


def alternating(setup: Setup) -> Figures:
    """First the discriminator, then the generator: the order of PyTorch's DCGAN tutorial.

    The discriminator's two losses go backward one after the other. After its update it judges the same
    generated images once more, for the generator; the gradients of its weights that come along are thrown away.
    """
    clock = Clock(setup.warmup)
    generator, discriminator = plain_networks(setup)
    generator_adam, discriminator_adam = plain_adam(generator), plain_adam(discriminator)
    bce = torch.nn.BCEWithLogitsLoss()
    history: list[tuple[float, float]] = []
    for images, _ in zip(batches(setup), range(setup.all_iterations), strict=False):
        ones, zeros = torch.ones(len(images)), torch.zeros(len(images))
        discriminator.zero_grad()
        real_loss = bce(discriminator(images), ones)
        real_loss.backward()
        fake = generator(torch.randn(len(images), LATENT_DIM))
        fake_loss = bce(discriminator(fake.detach()), zeros)
        fake_loss.backward()
        discriminator_adam.step()

        generator.zero_grad()
        gen_loss = bce(discriminator(fake), ones)
        gen_loss.backward()
        generator_adam.step()
        history.append((gen_loss.item(), (real_loss + fake_loss).item()))
        clock.tick()
    return training_figures(clock, trainable(generator, discriminator), "torch")


def simultaneous(setup: Setup) -> Figures:
    """Both networks from one forward pass, both gradients at the same weights: the notebook's order.

    Two backward passes, each for one network's weights only; accuracies as in the notebook.
    """
    clock = Clock(setup.warmup)
    generator, discriminator = plain_networks(setup)
    generator_adam, discriminator_adam = plain_adam(generator), plain_adam(discriminator)
    makers, judges = list(generator.parameters()), list(discriminator.parameters())
    history: list[tuple[Tensor, ...]] = []
    for images, _ in zip(batches(setup), range(setup.all_iterations), strict=False):
        fake = generator(torch.randn(setup.batch_size, LATENT_DIM))
        real_logits, fake_logits = discriminator(images), discriminator(fake)
        gen_loss = generator_loss(fake_logits)
        disc_loss = discriminator_loss(real_logits, fake_logits)
        generator_adam.zero_grad()
        discriminator_adam.zero_grad()
        gen_loss.backward(retain_graph=True, inputs=makers)
        disc_loss.backward(inputs=judges)
        generator_adam.step()
        discriminator_adam.step()
        accuracies = discriminator_accuracy(real_logits, fake_logits)
        history.append((gen_loss.detach(), disc_loss.detach(), *accuracies))
        clock.tick()
    return training_figures(clock, trainable(generator, discriminator), "torch")


def matrix_products(setup: Setup, side: int = 2048, repetitions: int = 9) -> Figures:
    """Measure how fast float32 matrices are multiplied at this moment; nothing on this machine is faster."""
    a, b = torch.randn(side, side), torch.randn(side, side)
    clock = Clock(warmup=3)
    for _ in range(clock.warmup + repetitions):
        torch.mm(a, b)
        clock.tick()
    seconds = float(np.median(clock.seconds()))
    return {"gflop_per_second": 2 * side**3 / seconds / 1e9, "threads": torch.get_num_threads()}
