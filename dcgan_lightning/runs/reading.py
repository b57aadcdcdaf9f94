"""Readers of the small files in a run's folder: each kind is read and checked here, and refused in one line.

Nothing that such a file holds may lead to another error, use up the memory or take longer than a moment.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import yaml

from dcgan_lightning.config.checks import Check, one_of, text, whole
from dcgan_lightning.config.nested import MISSING, look_up
from dcgan_lightning.config.training import TRAINING_RULES
from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.core.measured import FIGURES_FILE, NOTEBOOK_FIGURES, Figure, decode_figures
from dcgan_lightning.core.regular_files import open_regular, read_text
from dcgan_lightning.runs.system_file import SYSTEM_FILE, SystemFacts, decode_system

if TYPE_CHECKING:  # NumPy takes a quarter of a refusal's time to import
    import numpy as np
    from numpy.typing import NDArray

_Decoded = TypeVar("_Decoded")
_Missing = TypeVar("_Missing")

Table: TypeAlias = "dict[str, NDArray[np.float64]]"  # column to values, each (rows,)

_SIZE_LIMIT = 50_000  # bytes; settings and scores have less than 10,000
_LARGEST = 2**53  # whole numbers up to here are exact as floats
_GROUPS = ("data", "model", "trainer", "callbacks", "logger", "paths")
# The settings that something is computed from; all others are only shown.
_USED_SETTINGS = (
    "seed",
    "data.count",
    "data.batch_size",
    "data.verify",
    "trainer.max_epochs",
    "trainer.limit_train_batches",
    "callbacks.film.file_name",
    "callbacks.scores.count",
)
# What to do about a damaged file.
_SETTINGS_REMEDY = "fix this file, or leave this run out"
_TABLE_REMEDY = "fix or delete this file"
_JSON_REMEDY = "delete this file"
_EVALUATION_REMEDY = "delete this file and evaluate again"
_COUNT = whole(0, _LARGEST)
_EVALUATION_RULES: Mapping[str, Check] = {
    "count": _COUNT,
    "epochs": _COUNT,
    "iterations": _COUNT,
    "averaged": one_of(True, False),
    "features.name": text,
    "reference": text,
}


class _PlainLoader(yaml.SafeLoader):
    """Refuses aliases: a few of them can stand for billions of values, or for themselves."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("an alias (*name), which no run writes")
        return super().compose_node(parent, index)


def parse_yaml(content: str) -> Any:
    """Return the plain values in a YAML text: None, truth values, numbers, texts, lists and mappings of them.

    Raises:
        ValueError: It is invalid, or holds other values.
    """
    try:
        values = yaml.load(content, _PlainLoader)  # a safe one
        _check_plain(values)
    except yaml.YAMLError as error:
        raise ValueError(" ".join(str(error).split())) from error
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return values


def read_settings(path: Path) -> dict[str, Any]:
    """Return a run's settings from its ``config.yaml``.

    Raises:
        FileNotFoundError: There is no such file.
        RunFolderError: It cannot be read, or a setting that something is computed from is wrong or missing.
    """
    try:
        values = parse_yaml(_read(path).decode())
    except (ValueError, RunFolderError) as error:
        raise _unreadable(path, error, _SETTINGS_REMEDY) from error
    if not isinstance(values, dict):
        raise RunFolderError(f"{path} holds no settings; {_SETTINGS_REMEDY}")
    for group in _GROUPS:
        if not isinstance(values.get(group) or {}, Mapping):
            raise RunFolderError(f"{path}: {group} must be a group of values; {_SETTINGS_REMEDY}")
    _check(path, values, {key: TRAINING_RULES[key] for key in _USED_SETTINGS}, _SETTINGS_REMEDY)
    data = values.get("data") or {}
    if (data.get("count") or data.get("verify")) and "batch_size" not in data:
        raise RunFolderError(f"{path}: data.batch_size is missing; {_SETTINGS_REMEDY}")
    return values


def read_table(path: Path, needed: Sequence[str]) -> Table:
    """Return the columns of a CSV file of numbers; NaN for an empty cell, {} for no file.

    Args:
        path: The file.
        needed: Columns that must be there and hold finite numbers of at least 0.

    Raises:
        RunFolderError: It cannot be read, or is no such table.
    """
    import numpy as np

    try:
        header, *rest = read_text(path).split("\n")
        names = header.strip().split(",")
        lines = [line for line in rest if line.strip()]
        rows = np.loadtxt(lines, delimiter=",", ndmin=2, comments=None, converters=_number) if lines else None
        if missing := [name for name in needed if name not in names]:
            raise ValueError(f"no column {missing[0]}")
        if len({*names}) < len(names) or (rows is not None and rows.shape[1] != len(names)):
            raise ValueError("names and columns do not match")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, IndexError) as error:
        raise _unreadable(path, error, _TABLE_REMEDY) from error
    if rows is None:
        return {}
    table = dict(zip(names, rows.T, strict=True))
    for name in needed:
        if not ((table[name] >= 0) & (table[name] <= _LARGEST)).all():
            raise RunFolderError(f"{path}: {name} must be finite numbers of at least 0; {_TABLE_REMEDY}")
    return table


def read_figures(folder: Path) -> tuple[Figure, ...]:
    """Return what a run has measured; the notebook's figures if it does not say.

    Args:
        folder: The run's.

    Raises:
        RunFolderError: The file cannot be read.
    """
    return _read_described(folder / FIGURES_FILE, decode_figures, NOTEBOOK_FIGURES)


def read_system(folder: Path) -> SystemFacts | None:
    """Return the facts about a run's system; None in folders of earlier versions.

    Args:
        folder: The run's.

    Raises:
        RunFolderError: The file cannot be read.
    """
    return _read_described(folder / SYSTEM_FILE, decode_system, None)


def _read_described(path: Path, decode: Callable[[Any], _Decoded], missing: _Missing) -> _Decoded | _Missing:
    """Return the decoded content of a JSON file, or another value if there is no file."""
    try:
        return decode(read_json(path))
    except FileNotFoundError:
        return missing
    except ValueError as error:
        raise _unreadable(path, error, _JSON_REMEDY) from error


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        FileNotFoundError: There is no such file.
        RunFolderError: It cannot be read.
    """
    try:
        return json.loads(_read(path))
    except (ValueError, RecursionError, RunFolderError) as error:
        raise _unreadable(path, error, _JSON_REMEDY) from error


def read_evaluation(path: Path) -> dict[str, Any] | None:
    """Return the report that ``evaluate`` has written, or None if the file holds no scores.

    Its ``mean`` and ``spread`` are mappings of numbers, ``anchors`` a mapping of such mappings or None;
    ``features`` has a name. All but ``mean`` may be missing.

    Raises:
        FileNotFoundError: There is no such file.
        RunFolderError: It cannot be read, or holds a value of the wrong type.
    """
    report = read_json(path)
    if not isinstance(report, dict) or not isinstance(report.get("mean"), dict):
        return None
    groups = {name: report.get(name) or {} for name in ("mean", "spread", "anchors", "features")}
    seeds = report.get("seeds", [])
    for name, group in groups.items():
        if not isinstance(group, dict):
            raise RunFolderError(f"{path}: {name} must be a group of values; {_EVALUATION_REMEDY}")
    anchors = groups["anchors"].items()
    scores = {"mean": groups["mean"], "spread": groups["spread"]} | {
        f"anchors.{key}": one for key, one in anchors
    }
    for name, group in scores.items():
        if not _are_scores(group):
            raise RunFolderError(f"{path}: {name} must be numbers by name; {_EVALUATION_REMEDY}")
    if not (isinstance(seeds, list) and not any(map(_COUNT, seeds))):
        raise RunFolderError(f"{path}: seeds must be whole numbers; {_EVALUATION_REMEDY}")
    _check(path, report, _EVALUATION_RULES, _EVALUATION_REMEDY)
    return report


def _read(path: Path) -> bytes:
    """Return a file's content.

    Raises:
        FileNotFoundError: There is no such file.
        RunFolderError: It cannot be read, or is too large.
    """
    try:
        with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
            content = file.read(_SIZE_LIMIT + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise RunFolderError(error.strerror or str(error)) from error
    if len(content) > _SIZE_LIMIT:
        raise RunFolderError(f"it has more than {_SIZE_LIMIT:,} bytes")
    return content


def _unreadable(path: Path, error: BaseException, remedy: str) -> RunFolderError:
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return RunFolderError(f"{path} cannot be read: {reason}; {remedy}")


def _check(path: Path, values: Mapping[str, Any], rules: Mapping[str, Check], remedy: str) -> None:
    for key, check in rules.items():
        value = look_up(values, key)
        if value is not MISSING and (wanted := check(value)):
            shown = f"{value!r}"[:80]
            raise RunFolderError(f"{path}: {key} must be {wanted}; got {shown}; {remedy}")


def _check_plain(value: Any) -> None:
    """Raise an error on what YAML can hold and a configuration cannot: dates, bytes, sets, huge numbers."""
    if isinstance(value, dict):
        for key, part in value.items():
            _check_plain(key)
            _check_plain(part)
    elif isinstance(value, list):
        for part in value:
            _check_plain(part)
    elif isinstance(value, int):
        if abs(value) >= 2**64:
            raise ValueError("a number is too large")
    elif not isinstance(value, str | float | None):
        raise ValueError(f"a value is a {type(value).__name__}")


def _are_scores(group: Any) -> bool:
    """Tell whether a group holds numbers, null, or again a group of such (the shares of the classes)."""
    return isinstance(group, dict) and all(
        value is None or _is_number(value) or (isinstance(value, dict) and _are_scores(value))
        for value in group.values()
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, float) or (
        isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST
    )


def _number(cell: str) -> float:
    return float(cell or "nan")
