"""Nested mappings by dotted keys, as "model.dropout"."""

from collections.abc import Iterator, Mapping
from typing import Any

MISSING = object()


def flatten(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield ("a.b.c", value) for all values of nested mappings; lists are values."""
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def look_up(values: Any, key: str) -> Any:
    """Return what stands at "a.b.c" of nested mappings, or MISSING."""
    for name in key.split("."):
        if not isinstance(values, Mapping) or name not in values:
            return MISSING
        values = values[name]
    return values
