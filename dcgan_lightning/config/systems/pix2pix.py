"""Settings of Pix2Pix."""

from collections.abc import Mapping
from typing import Any

from dcgan_lightning.config.checks import (
    Check,
    below_one,
    flag,
    list_of_some,
    not_negative,
    one_of,
    whole,
)
from dcgan_lightning.config.systems import gan

# Names, here because a check may not import PyTorch; a test compares them with `networks.tasks`.
TASKS = ("edges", "inpainting", "super_resolution", "denoising")
_REDUCTION = 4  # of the side, in super-resolution

RULES: dict[str, Check] = {
    key: gan.RULES[key]
    for key in (
        "seed",
        "image_channels",
        "initialization",
        "loss",
        "generator_lr",
        "discriminator_lr",
        "lr_decay",
        "betas",
        "adam_eps",
        "accuracy_threshold",
    )
} | {
    "task": one_of(*TASKS),
    "image_size": whole(8, 512),
    "generator_channels": list_of_some(whole(1, 4096), 2, 7),
    "discriminator_channels": list_of_some(whole(1, 4096), 1, 5),
    "dropout": below_one,
    "spectral": flag,
    "adversarial_weight": not_negative,
    "l1_weight": not_negative,
}


def find_problem(model: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    """Return why settings do not fit together, or None if they do."""
    size = model["image_size"]
    levels = max(len(model["generator_channels"]) - 1, len(model["discriminator_channels"]))
    if size % 2**levels:
        return (
            f"model.image_size={size} cannot be halved {levels} times; give fewer model.generator_channels "
            "and model.discriminator_channels"
        )
    if model["task"] == "super_resolution" and size % _REDUCTION:
        return f"model.task=super_resolution needs a model.image_size that {_REDUCTION} divides; got {size}"
    if not model["adversarial_weight"] and not model["l1_weight"]:
        return "model.adversarial_weight and model.l1_weight are both 0: the generator would learn nothing"
    return None
