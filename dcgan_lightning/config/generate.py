"""What the configuration of ``generate`` may hold."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dcgan_lightning.config.checks import Check, class_name, keep, one_of, optional, seed, truncation, whole
from dcgan_lightning.config.data import DOUBLINGS, domain_name
from dcgan_lightning.config.trained import PICTURE_RULES


def _classes(value: Any) -> str | None:
    wanted = value if isinstance(value, list) else [value]
    known = all(class_name(name) is None or whole(0)(name) is None for name in wanted)
    good = wanted and known and len({*map(str, wanted)}) == len(wanted)
    return None if good else "the name of a class, its number, or a list of classes"


LAST_NUMBER = 1_000_000_000  # of an image of a seed
GENERATE_RULES: dict[str, Check] = PICTURE_RULES | {
    "mode": one_of("images", "interpolate", "walk", "neighbours", "atlas"),
    "seed": seed,
    "first": whole(0, LAST_NUMBER),
    "n": optional(whole(1, 1_000_000)),
    "class": optional(_classes),
    "truncation": truncation,
    "keep": keep,
    "pool": optional(whole(1, 1_000_000)),
    "k": whole(1, 20),
    "steps": whole(1, 240),
    "tours": whole(1, 25),
    "format": one_of("gif", "mp4"),
    "columns": optional(whole(1, 100)),
    "scale": optional(whole(1, 16)),
}
# What n counts in each mode: a name, the number if none is given, the smallest and the largest.
GENERATE_COUNTS = {
    "images": ("images", 64, 1, 1_000_000),
    "interpolate": ("points", 8, 2, 100),
    "walk": ("points", 8, 2, 100),
    "neighbours": ("images", 10, 1, 100),
    "atlas": ("images a class", 10, 1, 100),
    "class": ("images", 10, 1, 10_000),  # mode=atlas with class=...
}
_SMALLEST = min(DOUBLINGS)  # pixels a side: the real size is known with the generator
FILM_PIXELS = 300_000_000  # of all frames together; they are held in memory


def generate_problem(values: Mapping[str, Any]) -> str | None:
    """Return why individually valid values of ``generate`` contradict each other, or None."""
    mode, garment, n = values["mode"], values["class"], values["n"]
    if values["keep"] < 1 and mode not in ("images", "neighbours"):
        return f"keep={values['keep']} goes with mode=images and mode=neighbours only; got mode={mode}"
    if values["npz"] and mode != "images":
        return f"npz=true goes with mode=images only; got mode={mode}"
    searches = garment is not None and mode == "atlas"
    things, _, smallest, largest = GENERATE_COUNTS["class" if searches else mode]
    if n is not None and not smallest <= n <= largest:
        where = f"mode={mode} class={garment}" if searches else f"mode={mode}"
        return f"n must be from {smallest} to {largest:,} {things} with {where}; got {n}"
    return film_problem({**values, "scale": values["scale"] or 1}, _SMALLEST)


def class_index(wanted: str | int, names: Sequence[str]) -> int | None:
    """Return the index of a class, or None if there is none.

    Args:
        wanted: An index, or a name with any case, spaces, hyphens or underscores: "Ankle boot", "ankle_boot".
        names: Of the generator's classes.
    """
    if str(wanted) in names:
        return names.index(str(wanted))
    if isinstance(wanted, int):
        return wanted if wanted < len(names) else None
    spelled = [domain_name(name) for name in names]
    found = domain_name(wanted)
    return spelled.index(found) if spelled.count(found) == 1 else None


def class_problem(wanted: Any, names: Sequence[str]) -> str | None:
    """Return which requested class a generator does not have, or None if it has all of them.

    Args:
        wanted: A name or index, several of them, or None.
        names: Of the generator's classes.
    """
    chosen: set[int] = set()
    for name in wanted if isinstance(wanted, list) else [wanted]:
        if name is None:
            continue
        index = class_index(name, names)
        if index is None:
            return f"class={name} is unknown to this generator; it knows {', '.join(names)}"
        if index in chosen:
            return f"class={name} is the class {names[index]}, which is already in the list"
        chosen.add(index)
    return None


def own_spelling(wanted: Any, names: Sequence[str]) -> Any:
    """Return requested classes with the names as the generator has them; numbers stay numbers.

    Args:
        wanted: A known name or index, several of them, or None (see `class_problem`).
        names: Of the generator's classes.
    """
    if isinstance(wanted, list):
        return [own_spelling(name, names) for name in wanted]
    index = class_index(wanted, names) if isinstance(wanted, str) else None
    return wanted if index is None else names[index]


def film_problem(values: Mapping[str, Any], image_size: int) -> str | None:
    """Return why a film would be too large, or None; only some modes make one.

    Args:
        values: The configuration's.
        image_size: Pixels a side of the generator's images.
    """
    if values["mode"] not in ("interpolate", "walk"):
        return None
    frames, side = film_size(values, image_size)
    if frames * side**2 <= FILM_PIXELS:
        return None
    return (
        f"the film would have {frames:,} frames of {side} x {side} pixels; "
        "use a smaller n, steps, tours or scale"
    )


def default_count(values: Mapping[str, Any], knows_classes: bool) -> int:
    """Return what n is if it is not set.

    Args:
        values: The configuration's.
        knows_classes: Whether the generator is class-conditional.
    """
    searches = values["class"] is not None and values["mode"] == "atlas" and not knows_classes
    return GENERATE_COUNTS["class" if searches else values["mode"]][1]


def film_size(values: Mapping[str, Any], image_size: int) -> tuple[int, int]:
    """Return the number of frames and their side in pixels of mode=interpolate or mode=walk."""
    points = values["n"] or GENERATE_COUNTS[values["mode"]][1]
    if values["mode"] == "interpolate":
        return (points - 1) * values["steps"] + 1, image_size * 2 * values["scale"]
    columns = math.isqrt(values["tours"] - 1) + 1
    return points * values["steps"], ((image_size + 2) * columns + 2) * values["scale"]
