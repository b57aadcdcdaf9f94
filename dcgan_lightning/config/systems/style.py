"""Settings of feed-forward style transfer."""

from collections.abc import Mapping
from typing import Any

from dcgan_lightning.config.checks import Check, flag, one_of, text, whole
from dcgan_lightning.config.style import PATTERN_NAMES, STYLE_RULES, split_reference, weights_problem
from dcgan_lightning.config.systems import gan


def _style(value: Any) -> str | None:
    good = text(value) is None and split_reference(value) is None
    return None if good else f"one of {', '.join(PATTERN_NAMES)}, or an image file"


def _channels(value: Any) -> str | None:
    good = isinstance(value, list) and 1 <= len(value) <= 3 and not any(map(whole(1, 4096), value))
    return None if good else "a list of 1 to 3, each a whole number from 1 to 4096"


_SHARED = (
    "seed",
    "image_channels",
    "generator_lr",
    "lr_decay",
    "betas",
    "adam_eps",
    "compile_mode",
)
RULES: dict[str, Check] = {
    **{name: gan.RULES[name] for name in _SHARED},
    **STYLE_RULES,
    "style": _style,
    "image_size": whole(8, 512),
    "scale": one_of(1, 2, 4),
    "channels": _channels,
    "blocks": whole(0, 100),
    "canvas_channels": whole(1, 4096),
    "keep_background": flag,
}


def find_problem(model: Mapping[str, Any], data: Mapping[str, Any]) -> str | None:
    """Return why settings do not fit together, or None if they do."""
    doublings = model["scale"].bit_length() - 1
    if len(model["channels"]) != doublings + 1:
        return (
            f"model.channels must have {doublings + 1} numbers for model.scale={model['scale']}; "
            f"got {model['channels']}"
        )
    return weights_problem(model["features"], model["weights"], "model.")
