"""The training in plain PyTorch, in two orders, with the images as one float32 tensor in memory.

Both train the notebook's networks made of PyTorch's own layers, in its usual memory layout and with its usual
Adam (not fused), as PyTorch's DCGAN tutorial does. The layers have the same sizes as this project's and are
cheaper where the port follows Keras: padding is even on both sides, which PyTorch does on its own, and
BatchNorm keeps PyTorch's moving variance.
"""

import time
from collections.abc import Iterator

import numpy as np
import torch
from bench_process import ADAM_EPS, LATENT_DIM, LEARNING_RATE, Clock, Figures, Setup, training_figures
from torch import Tensor, nn
from torch.optim import Adam

from dcgan_lightning.core.devices import set_tf32
from dcgan_lightning.losses import discriminator_accuracy, discriminator_loss, generator_loss
from dcgan_lightning.networks.initialization import initialize
from dcgan_lightning.networks.summary import count_parameters

IDX_HEADER = 16  # bytes before the pixels of a file of images


def plain_networks(setup: Setup) -> tuple[nn.Sequential, nn.Sequential]:
    """Return generator and discriminator: the notebook's layers, as PyTorch has them."""

    def transposed(channels: int, outputs: int, stride: int) -> nn.Module:
        return nn.ConvTranspose2d(
            channels, outputs, 5, stride, padding=2, output_padding=stride - 1, bias=False
        )

    def normed(norm: type[nn.BatchNorm1d] | type[nn.BatchNorm2d], channels: int) -> list[nn.Module]:
        return [norm(channels, eps=1e-3, momentum=0.01), nn.LeakyReLU(0.3)]

    def judged(channels: int, outputs: int) -> list[nn.Module]:
        return [nn.Conv2d(channels, outputs, 5, 2, padding=2), nn.LeakyReLU(0.3), nn.Dropout(0.3)]

    first, second, third = setup.generator_channels
    generator = nn.Sequential(
        nn.Linear(LATENT_DIM, first * 49, bias=False),
        *normed(nn.BatchNorm1d, first * 49),
        nn.Unflatten(1, (first, 7, 7)),
        transposed(first, second, 1),
        *normed(nn.BatchNorm2d, second),
        transposed(second, third, 2),
        *normed(nn.BatchNorm2d, third),
        transposed(third, 1, 2),
        nn.Tanh(),
    )
    first, second = setup.discriminator_channels
    discriminator = nn.Sequential(
        *judged(1, first), *judged(first, second), nn.Flatten(), nn.Linear(second * 49, 1), nn.Flatten(0)
    )
    for network in (generator, discriminator):
        initialize(network, "glorot_uniform")
    return generator, discriminator


def plain_adam(network: nn.Module) -> Adam:
    """Return the usual optimizer with the notebook's settings."""
    return Adam(network.parameters(), LEARNING_RATE, eps=ADAM_EPS)


BLOCK = 10  # iterations between two looks at a CUDA card, which would otherwise wait for Python each time


def start_clock(setup: Setup) -> Clock:
    """Return a clock for the setup's device; computing uses its threads and arithmetic from now on."""
    if setup.threads:
        torch.set_num_threads(setup.threads)
    if setup.device == "cpu":
        return Clock(setup.warmup, now=time.process_time if setup.processor_time else time.perf_counter)
    set_tf32(setup.tf32)
    return Clock(setup.warmup, torch.cuda.synchronize, BLOCK)


def card_figures(setup: Setup) -> dict[str, float]:
    """Return the peak of the tensors' memory on the card, and of what PyTorch took for them."""
    if setup.device == "cpu":
        return {}
    return {
        "card_memory_mb": torch.cuda.max_memory_allocated() / 2**20,
        "card_memory_taken_mb": torch.cuda.max_memory_reserved() / 2**20,
    }


def trainable(*networks: nn.Module) -> tuple[int, int]:
    """Return the numbers of trainable parameters of two networks."""
    first, second = (count_parameters(network)[0] for network in networks)
    return first, second


def batches(setup: Setup) -> Iterator[Tensor]:
    """Yield shuffled batches, epoch after epoch."""
    pixels = np.fromfile(setup.raw_folder() / "train-images-idx3-ubyte", np.uint8)[IDX_HEADER:]
    images = torch.from_numpy(pixels).to(setup.device).view(-1, 1, 28, 28).float().sub_(127.5).div_(127.5)
    while True:
        for rows in torch.randperm(len(images), device=setup.device).split(setup.batch_size):
            yield images[rows]


def alternating(setup: Setup) -> Figures:
    """First the discriminator, then the generator: the order of PyTorch's DCGAN tutorial.

    The discriminator's two losses go backward one after the other. After its update it judges the same
    generated images once more, for the generator; the gradients of its weights that come along are not used.
    """
    clock = start_clock(setup)
    generator, discriminator = (network.to(setup.device) for network in plain_networks(setup))
    generator_adam, discriminator_adam = plain_adam(generator), plain_adam(discriminator)
    bce = nn.BCEWithLogitsLoss()
    history: list[tuple[float, float]] = []
    for images, _ in zip(batches(setup), range(setup.all_iterations), strict=False):
        ones, zeros = (torch.full((len(images),), value, device=setup.device) for value in (1.0, 0.0))
        discriminator.zero_grad()
        real_loss = bce(discriminator(images), ones)
        real_loss.backward()
        fake = generator(torch.randn(len(images), LATENT_DIM, device=setup.device))
        fake_loss = bce(discriminator(fake.detach()), zeros)
        fake_loss.backward()
        discriminator_adam.step()

        generator.zero_grad()
        gen_loss = bce(discriminator(fake), ones)
        gen_loss.backward()
        generator_adam.step()
        history.append((gen_loss.item(), (real_loss + fake_loss).item()))
        clock.tick()
    return training_figures(clock, trainable(generator, discriminator), "torch", **card_figures(setup))


def simultaneous(setup: Setup) -> Figures:
    """Both networks from one forward pass, both gradients at the same weights: the notebook's order.

    Two backward passes, each for one network's weights only; accuracies as in the notebook.
    """
    clock = start_clock(setup)
    generator, discriminator = (network.to(setup.device) for network in plain_networks(setup))
    generator_adam, discriminator_adam = plain_adam(generator), plain_adam(discriminator)
    makers, judges = list(generator.parameters()), list(discriminator.parameters())
    history: list[tuple[Tensor, ...]] = []
    for images, _ in zip(batches(setup), range(setup.all_iterations), strict=False):
        fake = generator(torch.randn(setup.batch_size, LATENT_DIM, device=setup.device))
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
    return training_figures(clock, trainable(generator, discriminator), "torch", **card_figures(setup))


def matrix_products(setup: Setup, side: int = 2048, repetitions: int = 9) -> Figures:
    """Measure how fast float32 matrices are multiplied at this moment; nothing on this machine is faster."""
    a, b = torch.randn(side, side), torch.randn(side, side)
    clock = Clock(warmup=3)
    for _ in range(clock.warmup + repetitions):
        torch.mm(a, b)
        clock.tick()
    seconds = float(np.median(clock.seconds()))
    return {"gflop_per_second": 2 * side**3 / seconds / 1e9, "threads": torch.get_num_threads()}
