"""Pix2Pix, CycleGAN and style transfer beside plain PyTorch loops of the same networks and arithmetic.

    python tests/benchmarks/bench_neighbours.py [--rounds 4] [--iterations 40]

Times the computing of one thread, in which other processes do not count. Each contender runs in a fresh
process; the two of a recipe take turns, and ratios are taken within rounds. The loops have no files, no
pictures, no accuracies and no checks; Adam is the usual one, not fused; average and learning rates are
PyTorch's classes.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from bench import environment, measure
from bench_first_look import average_of, falling
from bench_ours import compose_run
from bench_process import Figures, Setup, training_figures
from bench_record import Rounds, medians
from bench_statistics import describe, markdown_table, paired_ratios, spread
from bench_torch import batches, card_figures, start_clock, trainable
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Adam

from dcgan_lightning.config.build import plain
from dcgan_lightning.core.pixels import normalize, to_uint8
from dcgan_lightning.data.style_images import read_style
from dcgan_lightning.evaluation.perceptual import load_perceptual
from dcgan_lightning.evaluation.style_objective import StyleObjective
from dcgan_lightning.losses import LOSSES
from dcgan_lightning.losses.style import total_variation
from dcgan_lightning.networks import cyclegan as cyclegan_networks
from dcgan_lightning.networks import pix2pix as pix2pix_networks
from dcgan_lightning.networks import style as style_networks
from dcgan_lightning.networks.masks import object_mask
from dcgan_lightning.systems.cyclegan import swap_in_pool

BATCH_SIZES = {"pix2pix": 16, "cyclegan": 32, "style": 4}
DECAY = 0.999  # of the average
LONG = 10_000  # iterations of the schedules
Step = Callable[[Tensor], Sequence[Tensor]]


def settings_of(experiment: str) -> dict[str, Any]:
    """Return the settings of an experiment's system."""
    settings: dict[str, Any] = plain(compose_run(".", f"experiment={experiment}").model)
    return settings


def adam(settings: Mapping[str, Any], role: str, *networks: nn.Module) -> Adam:
    """Return the usual optimizer over all networks of a role, "generator" or "discriminator"."""
    weights = [weight for network in networks for weight in network.parameters()]
    return Adam(weights, settings[f"{role}_lr"], settings["betas"], settings["adam_eps"])


def train(
    setup: Setup,
    networks: Sequence[Sequence[nn.Module]],
    optimizers: Sequence[Adam],
    step: Step,
    averaged: nn.Module | None = None,
) -> Figures:
    """Train and return the figures.

    Args:
        setup: What all contenders do alike.
        networks: The generators and the discriminators, for the numbers of parameters.
        optimizers: Of both.
        step: Updates all weights and returns the losses.
        averaged: The network whose moving average is kept.
    """
    clock = start_clock(setup)
    schedules = [falling(optimizer, LONG, 0.5) for optimizer in optimizers]
    average = None if averaged is None else average_of(averaged, DECAY)
    history: list[list[float]] = []
    for images, _ in zip(batches(setup), range(setup.all_iterations), strict=False):
        losses = step(images)
        for schedule in schedules:
            schedule.step()
        if average is not None:
            average.update_parameters(averaged)
        history.append([loss.item() for loss in losses])
        clock.tick()
    counts = trainable(*(nn.ModuleList(part) for part in networks))
    return training_figures(clock, counts, "torch", **card_figures(setup))


def pix2pix(setup: Setup) -> Figures:
    """Both networks from one forward pass, both gradients at the same weights."""
    settings = settings_of("pix2pix")
    generator, discriminator = (
        network.to(setup.device) for network in pix2pix_networks.build(settings).values()
    )
    optimizers = [adam(settings, "generator", generator), adam(settings, "discriminator", discriminator)]
    loss = LOSSES[settings["loss"]]

    def step(targets: Tensor) -> Sequence[Tensor]:
        inputs = generator.inputs_of(targets)
        made = generator(inputs)
        real_logits, fake_logits = discriminator(inputs, targets), discriminator(inputs, made)
        l1 = F.l1_loss(made, targets)
        gen_loss = loss.generator(real_logits, fake_logits)
        disc_loss = loss.discriminator(real_logits, fake_logits)
        for optimizer in optimizers:
            optimizer.zero_grad()
        total = settings["adversarial_weight"] * gen_loss + settings["l1_weight"] * l1
        total.backward(retain_graph=True, inputs=list(generator.parameters()))
        disc_loss.backward(inputs=list(discriminator.parameters()))
        for optimizer in optimizers:
            optimizer.step()
        return l1, gen_loss, disc_loss

    return train(setup, ([generator], [discriminator]), optimizers, step, generator)


def cyclegan(setup: Setup) -> Figures:
    """First the generators, then the discriminators; which image is of which domain does not matter here."""
    settings = settings_of("cyclegan")
    ab, ba, disc_a, disc_b = (
        network.to(setup.device) for network in cyclegan_networks.build(settings).values()
    )
    gen_adam = adam(settings, "generator", ab, ba)
    disc_adam = adam(settings, "discriminator", disc_a, disc_b)
    loss = LOSSES[settings["loss"]]
    pools = torch.zeros(2, settings["pool_size"], 1, 28, 28, device=setup.device)
    filled = torch.zeros((), dtype=torch.int64, device=setup.device)

    def gen_loss_of(discriminator: nn.Module, images: Tensor) -> Tensor:
        logits = discriminator(images).flatten()
        return loss.generator(logits, logits)

    def disc_loss_of(discriminator: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
        logits = discriminator(torch.cat([real, fake])).chunk(2)
        return loss.discriminator(logits[0].flatten(), logits[1].flatten())

    def step(images: Tensor) -> Sequence[Tensor]:
        real_a, real_b = images.chunk(2)
        fake_b, same_b = ab(torch.cat([real_a, real_b])).chunk(2)
        fake_a, same_a = ba(torch.cat([real_b, real_a])).chunk(2)
        cycle = F.l1_loss(ba(fake_b), real_a) + F.l1_loss(ab(fake_a), real_b)
        identity = F.l1_loss(same_b, real_b) + F.l1_loss(same_a, real_a)
        gen_loss = gen_loss_of(disc_a, fake_a) + gen_loss_of(disc_b, fake_b)
        gen_adam.zero_grad()
        total = gen_loss + settings["cycle_weight"] * cycle + settings["identity_weight"] * identity
        total.backward(inputs=[*ab.parameters(), *ba.parameters()])
        gen_adam.step()
        shown = [
            swap_in_pool(pool, filled, fake.detach())
            for pool, fake in zip(pools, (fake_a, fake_b), strict=True)
        ]
        filled.add_(len(fake_a)).clamp_(max=settings["pool_size"])
        disc_loss = disc_loss_of(disc_a, real_a, shown[0]) + disc_loss_of(disc_b, real_b, shown[1])
        disc_adam.zero_grad()
        disc_loss.backward()
        disc_adam.step()
        return gen_loss, disc_loss, cycle, identity

    return train(setup, ((ab, ba), (disc_a, disc_b)), [gen_adam, disc_adam], step)


def style(setup: Setup) -> Figures:
    """A network against style, content and total variation."""
    settings = settings_of("style")
    (generator,) = (network.to(setup.device) for network in style_networks.build(settings).values())
    size = settings["scale"] * settings["image_size"]
    image = normalize(to_uint8(read_style(settings["style"], "style", size, 1, settings["period"])))
    features = load_perceptual(settings["features"], 1, device=torch.device(setup.device))
    objective = StyleObjective(features, [image.to(setup.device)], reduction=settings["scale"])
    optimizer = adam(settings, "generator", generator)
    weights = [settings[f"{name}_weight"] for name in ("style", "content", "variation")]

    def step(images: Tensor) -> Sequence[Tensor]:
        inputs = generator.inputs_of(images)
        mask = object_mask(inputs, factor=settings["scale"])
        with torch.no_grad():
            wanted = objective.content(inputs)
        made = generator(inputs)
        terms = (
            objective.style_loss(made, mask),
            objective.content_loss(made, wanted),
            total_variation(made),
        )
        optimizer.zero_grad()
        torch.stack([weight * term for weight, term in zip(weights, terms, strict=True)]).sum().backward()
        optimizer.step()
        return terms

    return train(setup, ([generator], []), [optimizer], step, generator)


LOOPS: dict[str, Callable[[Setup], Figures]] = {"pix2pix": pix2pix, "cyclegan": cyclegan, "style": style}


def row(name: str, ours: Rounds, loop: Rounds) -> list[str]:
    """Return a row of the table: milliseconds of both, and how many times the loop's ours are."""
    seconds = medians(ours), medians(loop)
    cells = [describe(spread(1000 * value for value in each.values()), 1) for each in seconds]
    return [name, *cells, describe(spread(paired_ratios(*seconds)), 3)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--iterations", type=int, default=40)
    parser.add_argument("--only", default=",".join(BATCH_SIZES), help="some of the recipes")
    options = parser.parse_args(arguments)
    root, _, _ = environment()
    rows = []
    for name in options.only.split(","):
        setup = Setup(
            options.iterations,
            batch_size=BATCH_SIZES[name],
            root=root,
            threads=1,
            overrides=("threads=1",),
            processor_time=True,
        )
        (measured,) = measure((f"ours-{name}", f"torch-{name}"), [setup], options.rounds)
        rows.append(row(name, *measured.values()))
    print(markdown_table(["", "this project, ms", "plain loop, ms", "ratio"], rows))


if __name__ == "__main__":
    main()
