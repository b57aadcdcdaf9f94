"""What the configuration of ``stylize`` may hold."""

from collections.abc import Mapping
from typing import Any

from dcgan_lightning.config.checks import (
    Check,
    device,
    frame_ms,
    one_of,
    optional,
    positive,
    seed,
    share,
    text,
    threads,
    whole,
)
from dcgan_lightning.config.data import DATA_RULES
from dcgan_lightning.config.style import STYLE_RULES, image, weights_problem


def _styles(value: Any) -> str | None:
    images = value if isinstance(value, list) else [value]
    good = 0 < len(images) <= 9 and len({*map(str, images)}) == len(images) and not any(map(image, images))
    return None if good else f"{image(None)}, or a list of up to 9 different ones"


def _shares(value: Any) -> str | None:
    good = isinstance(value, list) and value and not any(map(positive, value))
    return None if good else "a list of numbers above 0, one for each style"


def _folder(value: Any) -> str | None:
    is_file = isinstance(value, str) and value.lower().endswith((".png", ".jpg", ".jpeg", ".gif"))
    wanted = "a folder, which is made and gets several files"
    return wanted if is_file or text(value) is not None else None


STYLIZE_RULES: dict[str, Check] = {
    **DATA_RULES,
    **STYLE_RULES,
    "content": image,
    "style": _styles,
    "style_shares": optional(_shares),
    "size": whole(16, 2048),
    "colours": one_of("style", "content"),
    "keep_background": one_of("auto", True, False),
    "steps": whole(1, 10_000),
    "noise": share,
    "seed": seed,
    "frames": whole(0, 200),
    "frame_ms": frame_ms(20),
    "scale": whole(1, 16),
    "output": optional(_folder),
    "device": device,
    "threads": threads,
}


def stylize_problem(values: Mapping[str, Any]) -> str | None:
    """Return why values of ``stylize``, each good by itself, do not go together, or None if they do."""
    styles, shares = values["style"], values["style_shares"]
    count = len(styles) if isinstance(styles, list) else 1
    if shares is not None and len(shares) != count:
        return f"style_shares must have a number for each of the {count} styles; got {len(shares)}"
    if problem := weights_problem(values["features"], values["weights"]):
        return problem
    side = values["size"] * values["scale"]
    if side > 8192:
        return f"size={values['size']} and scale={values['scale']} make pictures of {side} pixels; use less"
    return None
