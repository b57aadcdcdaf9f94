"""Settings of the foreign system."""

from collections.abc import Mapping
from typing import Any

from dcgan_lightning.config.checks import Check, below_one, one_of, positive, seed, whole

RULES: dict[str, Check] = {
    "seed": seed,
    "latent_dim": whole(1, 100),
    "classes": whole(1, 10),
    "painter_lr": positive,
    "sketcher_lr": positive,
    "momentum": below_one,
    "compile_mode": one_of(None),
}


def find_problem(model: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    if data.get("batch_size", 0) < model.get("classes", 1):
        return "data.batch_size must be at least model.classes"
    return None
