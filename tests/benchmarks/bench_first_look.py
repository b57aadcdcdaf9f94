"""The recipe of ``experiment=first_look`` in the usual ways: in Lightning and in plain PyTorch.

    python tests/benchmarks/bench_first_look.py [--rounds 3] [--iterations 100]

Times the computing of one thread, each contender in a fresh process, in turn; ratios are taken within rounds.
The networks have this project's layers without its fast paths, in PyTorch's usual memory layout and with its
spectral normalization.
Adam is the usual one, not fused; average and learning rates are PyTorch's classes.
"""

import argparse
from collections.abc import Iterator, Sequence

import numpy as np
import pytorch_lightning as pl
import torch
from bench import environment, measure
from bench_lightning import train
from bench_process import Figures, Setup, training_figures
from bench_record import medians
from bench_statistics import describe, markdown_table, paired_ratios, spread
from bench_torch import IDX_HEADER, batches, card_figures, start_clock, trainable
from torch import Tensor, nn, relu
from torch.nn.functional import leaky_relu
from torch.nn.utils.parametrizations import spectral_norm
from torch.optim import Adam
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from dcgan_lightning.losses import discriminator_loss, generator_loss
from dcgan_lightning.networks.sngan import SNGANDiscriminator, SNGANGenerator

CLASSES, LATENT_DIM = 10, 64
GENERATOR_LR, DISCRIMINATOR_LR, BETAS = 5e-3, 1e-2, (0.0, 0.99)
ITERATIONS, DECAY_SHARE, AVERAGE = 15_000, 0.7, 0.9993
BATCH_SIZE = 16
CONTENDERS = {
    "ours-first-look": "this project: `train` with all its callbacks",
    "lightning-first-look": "the usual GAN in Lightning",
    "torch-first-look": "plain PyTorch, discriminator then generator",
}


class UsualGenerator(SNGANGenerator):
    """The generator in PyTorch's usual memory layout."""

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return one image for each noise vector."""
        pixels = self.dense(z).unflatten(1, (-1, self.start_size, self.start_size))
        pixels = self.enlarge(relu(self.norm(pixels, labels)))
        return torch.tanh(self.enlarge_1(relu(self.norm_1(pixels, labels))))


class UsualDiscriminator(SNGANDiscriminator):
    """The discriminator with the classes' projection as papers write it, an embedding's inner product."""

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return one logit for each image."""
        features = images
        for convolution in (self.convolution, self.convolution_1, self.convolution_2):
            features = leaky_relu(convolution(features), self.negative_slope)
        features = features.flatten(1)
        assert self.projection is not None
        return self.dense(features).squeeze(1) + (self.projection(labels) * features).sum(1)


def networks() -> tuple[nn.Module, nn.Module]:
    """Return generator and discriminator."""
    discriminator = UsualDiscriminator(classes=CLASSES, spectral=False, fast_paths=False)
    for layer in [*discriminator.children()]:
        spectral_norm(layer)
    return UsualGenerator(classes=CLASSES, fast_paths=False), discriminator


def average_of(network: nn.Module, decay: float = AVERAGE) -> AveragedModel:
    """Return the network's moving average."""
    return AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(decay))


def adam(network: nn.Module, rate: float) -> Adam:
    """Return the usual optimizer with the recipe's settings."""
    return Adam(network.parameters(), rate, BETAS)


def falling(optimizer: Adam, iterations: int = ITERATIONS, share: float = DECAY_SHARE) -> LambdaLR:
    """Return the schedule: the rate, then linearly to 0 over the last share of the iterations."""
    return LambdaLR(optimizer, lambda iteration: min(1.0, (1 - iteration / iterations) / share))


class UsualConditionalGAN(pl.LightningModule):
    """The training step of `bench_lightning.UsualGAN` with classes, schedules and an averaged generator."""

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.generator, self.discriminator = networks()
        self.average = average_of(self.generator)

    def configure_optimizers(self) -> tuple[list[Adam], list[LambdaLR]]:
        """Return an Adam and a schedule for each network."""
        optimizers = [adam(self.generator, GENERATOR_LR), adam(self.discriminator, DISCRIMINATOR_LR)]
        return optimizers, [falling(optimizer) for optimizer in optimizers]

    def training_step(self, batch: tuple[Tensor, Tensor], batch_idx: int) -> None:
        """Update the generator, then the discriminator."""
        images, labels = batch
        generator_adam, discriminator_adam = self.optimizers()
        noise = torch.randn(len(images), LATENT_DIM).type_as(images)

        self.toggle_optimizer(generator_adam)
        gen_loss = generator_loss(self.discriminator(self.generator(noise, labels), labels))
        generator_adam.zero_grad()
        self.manual_backward(gen_loss)
        generator_adam.step()
        self.untoggle_optimizer(generator_adam)

        self.toggle_optimizer(discriminator_adam)
        real_logits = self.discriminator(images, labels)
        fake_logits = self.discriminator(self.generator(noise, labels).detach(), labels)
        disc_loss = discriminator_loss(real_logits, fake_logits)
        discriminator_adam.zero_grad()
        self.manual_backward(disc_loss)
        discriminator_adam.step()
        self.untoggle_optimizer(discriminator_adam)

        for schedule in self.lr_schedulers():
            schedule.step()
        self.average.update_parameters(self.generator)
        self.log("gen_loss", gen_loss)
        self.log("disc_loss", disc_loss)


def lightning(setup: Setup) -> Figures:
    """Train as the usual GAN is (see `bench_lightning.train`)."""
    return train(UsualConditionalGAN, setup)


def labels_of(setup: Setup) -> Iterator[Tensor]:
    """Yield batches of classes; which image has which does not matter to the clock."""
    path = setup.raw_folder() / "train-labels-idx1-ubyte"
    labels = torch.from_numpy(np.fromfile(path, np.uint8)[IDX_HEADER // 2 :]).to(setup.device).long()
    while True:
        for rows in torch.randperm(len(labels), device=setup.device).split(setup.batch_size):
            yield labels[rows]


def alternating(setup: Setup) -> Figures:
    """First the discriminator, then the generator, as PyTorch's DCGAN tutorial has it."""
    clock = start_clock(setup)
    generator, discriminator = (network.to(setup.device) for network in networks())
    generator_adam, discriminator_adam = adam(generator, GENERATOR_LR), adam(discriminator, DISCRIMINATOR_LR)
    schedules = [falling(optimizer) for optimizer in (generator_adam, discriminator_adam)]
    average = average_of(generator)
    history: list[tuple[float, float]] = []
    rounds = range(setup.all_iterations)
    for images, labels, _ in zip(batches(setup), labels_of(setup), rounds, strict=False):
        discriminator_adam.zero_grad()
        fake = generator(torch.randn(len(images), LATENT_DIM, device=setup.device), labels)
        disc_loss = discriminator_loss(discriminator(images, labels), discriminator(fake.detach(), labels))
        disc_loss.backward()
        discriminator_adam.step()

        generator_adam.zero_grad()
        gen_loss = generator_loss(discriminator(fake, labels))
        gen_loss.backward()
        generator_adam.step()
        for schedule in schedules:
            schedule.step()
        average.update_parameters(generator)
        history.append((gen_loss.item(), disc_loss.item()))
        clock.tick()
    return training_figures(clock, trainable(generator, discriminator), "torch", **card_figures(setup))


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=100)
    options = parser.parse_args(arguments)
    root, _, _ = environment()
    setup = Setup(
        options.iterations,
        warmup=30,
        batch_size=BATCH_SIZE,
        root=root,
        threads=1,
        overrides=("threads=1",),
        processor_time=True,
    )
    (measured,) = measure(CONTENDERS, [setup], options.rounds)
    seconds = {name: medians(rounds) for name, rounds in measured.items()}
    ours = seconds["ours-first-look"]
    rows = [
        [
            CONTENDERS[name],
            describe(spread(1000 * value for value in each.values()), 1),
            describe(spread(paired_ratios(each, ours)), 2),
        ]
        for name, each in seconds.items()
    ]
    print(markdown_table(["", "ms per iteration", "relative to this project"], rows))


if __name__ == "__main__":
    main()
