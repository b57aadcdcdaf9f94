"""The recipes of conf/experiment in small, so that they can be stopped often."""

import sys
from dataclasses import replace
from pathlib import Path

from reliability_contenders import OURS, RUN, Contender, Outcome
from reliability_faults import Killing, kill_often
from reliability_interruptions import all_places, interruptions, some_places

_WIDTHS = {
    "cyclegan": ("model.generator_channels=[4,6]", "model.blocks=1", "model.discriminator_channels=[4,6,8]"),
    "sngan": ("model.generator_channels=[8,4]", "model.discriminator_channels=[4,6,8]"),
    "pix2pix": ("model.generator_channels=[4,6,8]", "model.discriminator_channels=[4,6]"),
    "dcgan": ("model.generator_channels=[8,4,4]", "model.discriminator_channels=[4,6]"),
}
# What each is made of besides its own settings.
RECIPES = {
    "first_look": _WIDTHS["sngan"],
    "first_look_unconditional": _WIDTHS["sngan"],
    "best": _WIDTHS["sngan"],
    "few_images": (*_WIDTHS["sngan"], "data.count=96"),
    # From the weights of the generator that comes with the package.
    "first_look_with_initial_weights": (
        *("init_from=pretrained", "model.latent_dim=64", "model.generator_channels=[192,96]"),
        "model.discriminator_channels=[4,6,8]",
    ),
    "notebook_conditional": (*_WIDTHS["dcgan"], "callbacks=[default,averaged_generator]"),
    # Parts that no recipe has: a lazy penalty, augmentation, two passes.
    "first_look_with_all_parts": (
        *_WIDTHS["sngan"],
        "model.loss=hinge",
        "model.penalty=gradient_penalty",
        "model.penalty_every_n_iterations=2",
        "model.augmentation=[translation,cutout,grey]",
    ),
    "pix2pix": (*_WIDTHS["pix2pix"], "callbacks.sample_grid.columns=3"),
    # The pool is full after half of the first epoch.
    "cyclegan": (
        *_WIDTHS["cyclegan"],
        "model.pool_size=20",
        "callbacks=[default,averaged_generator]",
        "callbacks.sample_grid.columns=3",
    ),
    "style": (
        *("model.scale=2", "model.channels=[4,3]", "model.blocks=1", "model.features=random"),
        "callbacks=[default,averaged_generator]",
    ),
}
# Recipes whose networks make images of images: no noise, and data of another kind.
_TRANSLATORS = {
    "cyclegan": "data=synthetic_domains",
    "pix2pix": "data=synthetic",
    "style": "data=synthetic",
}

_ONE_OPTIMIZER = ("style",)  # there is no moment between two updates of an iteration


def small_recipe(name: str, is_real: bool = True) -> tuple[str, ...]:
    """Return overrides for 3 epochs of 6 iterations with narrow networks and an average.

    Args:
        name: One of `RECIPES`.
        is_real: Train on Fashion-MNIST, not on made-up shapes.
    """
    own = () if name in _TRANSLATORS else ("model.latent_dim=8",)
    return (
        *(() if is_real else (_TRANSLATORS.get(name, "data=synthetic"), "data.count=96")),
        f"experiment={name.partition('_with_')[0]}",
        *("trainer=cpu", RUN, "trainer.max_epochs=3", "trainer.limit_train_batches=6"),
        *("trainer.log_every_n_steps=1", "data.batch_size=16", *own),
        *("callbacks.sample_grid.every_n_iterations=3", "callbacks.sample_grid.columns=2"),
        *("callbacks.checkpoint.every_n_epochs=1", "callbacks.history.plot_every_n_epochs=0"),
        "++callbacks.scores=null",
        *("callbacks.film.file_name=fashion_mnist_dcgan.gif",),
        *RECIPES[name],
    )


def stop_recipe(folder: Path, name: str, long: bool) -> Outcome:
    """Stop a recipe within its process, at 16 places or more in long form, else at a few on made-up data."""
    places = all_places() if long else some_places()[::2]
    if name in _ONE_OPTIMIZER:
        places = [
            replace(place, point="batch_end") if place.action == "sigterm" else place
            for place in places
            if place.action == "sigterm" or place.point != "between"
        ]
    return interruptions(folder, small_recipe(name, long), places[:: len(places) // 15 or 1], long)


def kill_recipe(folder: Path, name: str, long: bool) -> Outcome:
    """Kill a recipe at random moments: in long form ten times, translators twenty times; else twice."""
    folder.mkdir(parents=True, exist_ok=True)
    outcome = Outcome()
    kills = (20 if name in _TRANSLATORS else 10) if long else 2
    kill_often(outcome, OURS.warmed(not long), folder, Killing(small_recipe(name)), kills)
    return outcome


def run_recipes(contender: Contender, folder: Path, long: bool) -> Outcome:
    """Each recipe, stopped in the process itself at 32 places and killed 10 to 20 times"""
    outcome = Outcome()
    for name in RECIPES:
        for act in (stop_recipe, kill_recipe):
            part = act(folder / name / act.__name__, name, long)
            print(f"    {act.__name__} {name}: {part.good} of {part.tried}", file=sys.stderr, flush=True)
            outcome.add(part, name)
    return outcome
