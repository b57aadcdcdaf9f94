"""Settings and runs as short texts."""

from collections.abc import Mapping, Sequence
from typing import Any

from dcgan_lightning.config.data import data_option

LABEL_WIDTH = 80  # characters of a setting's label in tables and sentences


def describe(values: Mapping[str, Any], keys: Sequence[str] | None = None) -> str:
    """Return settings as "generator_lr=0.0001 dropout=0.3".

    Args:
        values: Key to value.
        keys: All keys that appear beside them: those with the same last part are told apart by the whole key.
    """
    names = short_names(keys or list(values))
    return " ".join(f"{names[key]}={format_value(value)}" for key, value in values.items())


def short_names(keys: Sequence[str]) -> dict[str, str]:
    """Return the last part of each key, or the whole key where two would be the same."""
    parts = [_last_part(key) for key in keys]
    return {key: part if parts.count(part) == 1 else key for key, part in zip(keys, parts, strict=True)}


def _last_part(key: str) -> str:
    return key.removesuffix("._target_").rpartition(".")[2]


def format_value(value: Any) -> str:
    """Return a setting's value, short."""
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, list):
        return f"[{','.join(map(format_value, value))}]"
    if isinstance(value, str):
        is_class = value.startswith(("dcgan_lightning.", "pytorch_"))
        return data_option(value.rpartition(".")[2]) if is_class else value
    return str(value).lower() if isinstance(value, bool) else "null" if value is None else str(value)


def shorten(text: str, width: int) -> str:
    """Return a text in one line, cut if it is longer than ``width``."""
    line = " ".join(text.split())
    return line if len(line) <= width else f"{line[: width - 4].rstrip()} ..."
