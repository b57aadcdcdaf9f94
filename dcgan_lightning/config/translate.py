"""What the configuration of ``translate`` may hold."""

from collections.abc import Mapping
from typing import Any

from dcgan_lightning.config.checks import Check, flag, one_of, optional, seed, text, whole
from dcgan_lightning.config.trained import PICTURE_RULES

SETS = ("test", "train")  # inputs that are images of the data set
DEFAULT_COUNT = 16

TRANSLATE_RULES: dict[str, Check] = PICTURE_RULES | {
    "direction": optional(text),
    "input": text,
    "prepare": flag,
    "fit": one_of("crop", "pad", "stretch"),
    "n": optional(whole(1, 100_000)),
    "first": whole(0, 1_000_000_000),
    "noise_seed": optional(seed),
    "columns": whole(1, 20),
    "scale": whole(1, 16),
    "film": flag,
}


def translate_problem(values: Mapping[str, Any]) -> str | None:
    """Return why values of ``translate``, each good by itself, do not go together, or None if they do."""
    if values["input"] in SETS and not values["prepare"]:
        return f"prepare=false is for files that are inputs already; got input={values['input']}"
    return None
