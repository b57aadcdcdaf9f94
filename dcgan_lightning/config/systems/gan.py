"""Settings of all GANs."""

from collections.abc import Mapping
from typing import Any

from dcgan_lightning.config.checks import (
    Check,
    below_one,
    list_of,
    not_negative,
    number,
    one_of,
    positive,
    seed,
    share,
    subset_of,
    whole,
)
from dcgan_lightning.config.data import DOUBLINGS

# Names, here because a check may not import PyTorch; a test compares them with `losses` and `networks`.
LOSSES = ("non_saturating", "hinge", "least_squares", "wasserstein", "relativistic")
TWO_PASS_LOSSES = ("hinge", "least_squares")
PENALTIES = ("r1", "r2", "r1_and_r2", "gradient_penalty")
AUGMENTATIONS = ("translation", "cutout", "grey")

RULES: dict[str, Check] = {
    "seed": seed,
    "classes": whole(0, 1000),
    "latent_dim": whole(1, 65_536),
    "image_channels": one_of(1, 3),
    "image_size": one_of(*DOUBLINGS),
    "negative_slope": not_negative,
    "initialization": one_of("glorot_uniform", "normal"),
    "loss": one_of(*LOSSES),
    "penalty": one_of(None, *PENALTIES),
    "penalty_weight": positive,
    "penalty_every_n_iterations": whole(1),
    "augmentation": subset_of(*AUGMENTATIONS),
    "augmentation_probability": number("a number above 0 and up to 1", lambda value: 0 < value <= 1),
    "discriminator_steps": whole(1, 100),
    "generator_lr": positive,
    "discriminator_lr": positive,
    "lr_decay": share,
    "betas": list_of(below_one, 2),
    "adam_eps": positive,
    "accuracy_threshold": number("a number", lambda value: True),
    "fast_paths": one_of("auto", True, False, "bfloat16"),
    "freeze_discriminator_layers": whole(0),
    "compile_mode": one_of(None, "default", "reduce-overhead", "max-autotune"),
}


def find_problem(model: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    """Return why settings do not fit together, or None if they do."""
    loss, penalty = model.get("loss", LOSSES[0]), model.get("penalty")
    if model.get("compile_mode") is not None:
        if model.get("fast_paths") == "bfloat16":
            return "model.fast_paths=bfloat16 has no effect on compiled networks; set model.compile_mode=null"
        if penalty is not None:
            return f"model.penalty={penalty} needs second derivatives; set model.compile_mode=null"
        if loss in TWO_PASS_LOSSES:
            return f"model.loss={loss} needs two backward passes; set model.compile_mode=null"
    if loss == "wasserstein" and penalty is None and not model.get("spectral"):
        return (
            "model.loss=wasserstein needs a bound on the discriminator's slope: "
            "use model.penalty=gradient_penalty with model.penalty_weight=10, or model=sngan"
        )
    return None


def layers_problem(model: Mapping[str, Any], extra: Mapping[str, int]) -> str | None:
    """Return why networks have too few layers to freeze, or too many for the images' size, or None.

    Args:
        model: The group model.
        extra: Layers that a network has beside one for each doubling of the side, by the key of its channels.
    """
    for key, more in extra.items():
        most = DOUBLINGS[model["image_size"]] + more
        if len(model[key]) > most:
            return (
                f"model.{key} may have {most} numbers for images of {model['image_size']} pixels a side; "
                f"got {len(model[key])}"
            )
    most = DOUBLINGS[model["image_size"]] + extra["discriminator_channels"]
    if (frozen := model.get("freeze_discriminator_layers", 0)) > most:
        return (
            f"model.freeze_discriminator_layers must be at most {most}, the number of the discriminator's "
            f"convolutions; got {frozen}"
        )
    return None
