"""Settings of CycleGAN."""

from collections.abc import Mapping
from typing import Any

from dcgan_lightning.config.checks import Check, flag, list_of, not_negative, number, one_of, whole
from dcgan_lightning.config.data import known_domains_problem
from dcgan_lightning.config.systems import gan

_SHARED = (
    "seed",
    "image_channels",
    "negative_slope",
    "initialization",
    "generator_lr",
    "discriminator_lr",
    "lr_decay",
    "betas",
    "adam_eps",
    "compile_mode",
)
RULES: dict[str, Check] = {
    **{name: gan.RULES[name] for name in _SHARED},
    "image_size": number("a multiple of 4 from 8 to 512", lambda value: value in range(8, 513, 4)),
    "generator_channels": list_of(whole(1, 4096), 2),
    "blocks": whole(0, 100),
    "skip": flag,
    "discriminator_channels": list_of(whole(1, 4096), 3),
    "spectral": flag,
    "loss": one_of("least_squares", "non_saturating", "hinge"),
    "cycle_weight": not_negative,
    "identity_weight": not_negative,
    "pool_size": whole(0, 100_000),
}


def find_problem(model: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    """Return why settings do not fit together, or None if they do."""
    if "domains" not in data:
        return "model=cyclegan needs two domains: use data=domains, as data=domains data.domains=[coat,dress]"
    if data["batch_size"] % 2:
        return f"data.batch_size must be even, for two domains; got {data['batch_size']}"
    return known_domains_problem(data)
