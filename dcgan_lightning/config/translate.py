"""What the configuration of ``translate`` may hold."""

from collections.abc import Mapping
from typing import Any

from dcgan_lightning.config.checks import (
    Check,
    averaged,
    device,
    flag,
    frame_ms,
    one_of,
    optional,
    seed,
    text,
    threads,
    trained,
    whole,
)
from dcgan_lightning.config.data import OWN_DATA_RULES

SETS = ("test", "train")  # inputs that are images of the data set
DEFAULT_COUNT = 16

TRANSLATE_RULES: dict[str, Check] = {
    "ckpt_path": trained,
    "averaged": averaged,
    "direction": optional(text),
    "input": text,
    "prepare": flag,
    "fit": one_of("crop", "pad", "stretch"),
    "n": optional(whole(1, 100_000)),
    "first": whole(0, 1_000_000_000),
    "noise_seed": optional(seed),
    "columns": whole(1, 20),
    "scale": whole(1, 16),
    "png": flag,
    "npz": flag,
    "film": flag,
    "frame_ms": frame_ms(20),
    "output_dir": optional(text),
    "device": device,
    "threads": threads,
} | OWN_DATA_RULES


def translate_problem(values: Mapping[str, Any]) -> str | None:
    """Return why values of ``translate``, each good by itself, do not go together, or None if they do."""
    if values["input"] in SETS and not values["prepare"]:
        return f"prepare=false is for files that are inputs already; got input={values['input']}"
    return None
