"""Ways to damage small files, and what a reader may make of them."""

import copy
import json
import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from made_runs import EVALUATED

from dcgan_lightning.core.errors import RunFolderError

SECONDS = 3.0  # on a busy machine; a moment else
VALUES: list[Any] = [
    None, True, 0, -1, 3, 10**30, 0.5, float("nan"), float("inf"), -1e308, "", "text", "$x^", "=1", "a\nb",
    [], [1], [[]], {}, {"a": 1}, {"a": {"b": []}},
]  # fmt: skip
EVALUATION = {
    **EVALUATED,
    "iterations": 12,
    "mean": {"frechet_distance": 40.0, "recall": 0.6, "class_histogram": {"t_shirt": 0.4, "bag": 0.6}},
    "spread": {"frechet_distance": 0.76, "recall": None},
    "anchors": {
        "real": {"frechet_distance": 1.0, "recall": 0.9},
        "noise": {"frechet_distance": 9.0, "recall": 0},
    },
}


def places(value: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the path of everything in nested mappings and lists."""
    yield ()
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in items:
        for path in places(part):
            yield (key, *path)


def replaced(value: Any, path: tuple[Any, ...], part: Any) -> Any:
    """Return a copy with something else at a path."""
    if not path:
        return part
    new = copy.deepcopy(value)
    parent = new
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = part
    return new


def removed(value: Any, path: tuple[Any, ...]) -> Any:
    new = copy.deepcopy(value)
    parent = new
    for key in path[:-1]:
        parent = parent[key]
    del parent[path[-1]]
    return new


def variants(value: Any, draw: random.Random, of_each: int) -> Iterator[Any]:
    """Yield copies with a wrong type at each place, and without each place."""
    for path in places(value):
        for part in draw.sample(VALUES, of_each):
            yield replaced(value, path, part)
        if path and isinstance(path[-1], str):
            yield removed(value, path)


def damages(good: bytes, draw: random.Random, count: int) -> Iterator[bytes]:
    """Yield cut off, changed and random bytes."""
    for _ in range(count):
        yield good[: draw.randrange(len(good))]
        damaged = bytearray(good)
        for _ in range(draw.choice([1, 3, 30])):
            damaged[draw.randrange(len(damaged))] = draw.choice([draw.randrange(256), *b'0-,:{}[]"\n&*!'])
        yield bytes(damaged)
        yield draw.randbytes(draw.choice([1, 50, 3000]))


def refusal(read: Callable[[], object], path: Path) -> str | None:
    """Return the line that a reader ends with, if it does; it must name the file, and come soon."""
    started, line = time.monotonic(), None
    try:
        read()
    except RunFolderError as error:
        line = str(error)
    assert time.monotonic() - started < SECONDS
    if line is not None:
        assert str(path) in line
        assert "\n" not in line
        assert len(line) < 600
    return line


def as_yaml(values: Any) -> bytes:
    return yaml.safe_dump(values, allow_unicode=True).encode()


def as_json(values: Any) -> bytes:
    return json.dumps(values).encode()
