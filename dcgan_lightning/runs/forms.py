"""Schemas of nested values: what each part of a file must be, checked by name."""

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch

from dcgan_lightning.config.checks import Check, flag, number, text, whole

Form = Callable[[Any, str], str | None]  # a value and its name to what is wrong with it, or None


def leaf(check: Check) -> Form:
    """Return the form of single values (see `dcgan_lightning.config.checks`)."""

    def problem(value: Any, name: str) -> str | None:
        wanted = check(value)
        return wanted and f"{name} must be {wanted}"

    return problem


def fields(
    required: Mapping[str, Form], optional: Mapping[str, Form] | None = None, is_all: bool = False
) -> Form:
    """Return the form of dictionaries with these keys; other keys may hold anything, or are refused."""
    forms = {**required, **(optional or {})}

    def problem(value: Any, name: str) -> str | None:
        if not isinstance(value, dict):
            return f"{name} must be a dictionary"
        if missing := [key for key in required if key not in value]:
            return f"{name}.{missing[0]} is missing"
        if is_all and (others := [key for key in value if key not in forms]):
            return f"{name}.{str(others[0])[:100]} is unknown"
        found = (forms[key](value[key], f"{name}.{key}") for key in forms if key in value)
        return next(filter(None, found), None)

    return problem


def each(kind: type, form: Form, key: type = str) -> Form:
    """Return the form of lists or dictionaries whose parts all have one form; keys are of a type."""

    def problem(value: Any, name: str) -> str | None:
        parts: Iterable[tuple[Any, Any]]
        if kind is dict and isinstance(value, dict):
            if not all(type(part) is key for part in value):
                return f"each key of {name} must be of type {key.__name__}"
            parts = value.items()
        elif kind is list and isinstance(value, list | tuple):
            parts = enumerate(value)
        else:
            return f"{name} must be a {'list' if kind is list else 'dictionary'}"
        return next(filter(None, (form(part, f"{name}.{index}") for index, part in parts)), None)

    return problem


def both(form: Form, rule: Callable[[Any], str | None]) -> Form:
    """Return a form with a rule that values of this form must keep besides.

    Args:
        form: Checked first.
        rule: A value to what is wrong with it, without its name, or None.
    """

    def problem(value: Any, name: str) -> str | None:
        if found := form(value, name):
            return found
        wrong = rule(value)
        return wrong and f"{name} {wrong}"

    return problem


def either(form: Form, other: Form) -> Form:
    """Return a form that allows what one of two forms allows; the second one says what is wrong."""
    return lambda value, name: form(value, name) and other(value, name)


def nothing_or(form: Form) -> Form:
    """Return a form that also allows None and empty containers."""

    def problem(value: Any, name: str) -> str | None:
        is_nothing = value is None or (isinstance(value, dict | list) and not value)
        return None if is_nothing else form(value, name)

    return problem


def tensor(
    shape: tuple[int | None, ...] | None = None,
    dtype: torch.dtype | None = None,
    is_finite: bool = False,
) -> Form:
    """Return the form of tensors.

    Args:
        shape: Their sizes, None for any; without it they have any shape.
        dtype: Their type, if it matters.
        is_finite: Whether NaN and infinity are refused.
    """

    def problem(value: Any, name: str) -> str | None:
        if not isinstance(value, torch.Tensor):
            return f"{name} must be a tensor"
        if dtype is not None and value.dtype is not dtype:
            return f"{name} must be a tensor of {dtype}"
        if is_finite and not torch.isfinite(value).all():
            return f"{name} must be finite"
        fits = shape is None or (
            len(shape) == value.ndim
            and all(size in (None, number) for size, number in zip(shape, value.shape, strict=True))
        )
        return None if fits else f"{name} must be a tensor of shape {shape}"

    return problem


def plain(value: Any, name: str) -> str | None:
    """Form of settings: numbers, texts, None, and lists and dictionaries of them."""
    if isinstance(value, Mapping):
        return each(dict, plain)(value, name)
    if isinstance(value, list | tuple):
        return each(list, plain)(value, name)
    is_plain = value is None or isinstance(value, bool | int | float | str)
    return None if is_plain else f"{name} must be a plain value"


COUNT = leaf(whole(0, 2**53))
NUMBER = leaf(number("a number", lambda value: True))
DECAY = leaf(number("a number in (0, 1)", lambda value: 0 < value < 1))
FLAG = leaf(flag)
TEXT = leaf(text)
TENSORS = each(dict, tensor())


def find_excess(value: Any, parts: int = 1_000_000, depth: int = 50) -> str | None:
    """Return why a nested value would take more memory or time than its file lets expect, or None.

    Args:
        value: Of dictionaries, lists and tuples, which may hold one another several times over.
        parts: The most values there may be, each counted as often as it is reached.
        depth: The most containers in one another.
    """
    left = [(value, 0)]
    count = 0
    while left:
        part, level = left.pop()
        count += 1
        if level > depth or count > parts:
            return "values are nested too deeply or repeated too often"
        if isinstance(part, Mapping):
            left.extend((child, level + 1) for child in part.values())
        elif isinstance(part, list | tuple | set):
            left.extend((child, level + 1) for child in part)
        elif isinstance(part, torch.Tensor) and not _is_dense(part):
            return f"a tensor of shape {tuple(part.shape)} is larger than what is stored of it"
    return None


def _is_dense(value: torch.Tensor) -> bool:
    """Tell whether a tensor is stored in full."""
    if value.layout != torch.strided or value.device.type != "cpu" or value.is_quantized:
        return False
    return math.prod(value.shape) * value.element_size() <= value.untyped_storage().nbytes()
