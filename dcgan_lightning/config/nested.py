"""Nested mappings by dotted keys, as "model.dropout"."""

import difflib
from collections.abc import Iterator, Mapping, Sequence
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
    """Return the value at "a.b.c" of nested mappings, or MISSING."""
    for name in key.split("."):
        if not isinstance(values, Mapping) or name not in values:
            return MISSING
        values = values[name]
    return values


def closest(key: str, known: Sequence[str]) -> str | None:
    """Return the known key that is spelt most like another one, if any is."""
    last = {name: name.rpartition(".")[2] for name in known}
    close = difflib.get_close_matches(key.rpartition(".")[2], set(last.values()), n=1, cutoff=0.6)
    candidates = difflib.get_close_matches(
        key, [name for name in known if last[name] in close], n=1, cutoff=0
    )
    return candidates[0] if candidates else None


def did_you_mean(key: str, known: Sequence[str]) -> str:
    """Return the end of a message about an unknown key: the one that may have been meant."""
    found = closest(key, known)
    return f"; did you mean {found!r}?" if found else "; --help lists all keys"
