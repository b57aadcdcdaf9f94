"""Checks of single values: each says what a value must be, or nothing if it is."""

import math
import re
import sys
from collections.abc import Callable
from numbers import Real
from typing import Any

Check = Callable[[Any], str | None]  # returns what the value must be, or None if it is


def whole(minimum: int, maximum: int | None = None) -> Check:
    """Return a check for whole numbers within bounds."""
    bounds = f"of at least {minimum}" if maximum is None else f"from {minimum} to {maximum}"

    def check(value: Any) -> str | None:
        good = isinstance(value, int) and not isinstance(value, bool) and value >= minimum
        return None if good and (maximum is None or value <= maximum) else f"a whole number {bounds}"

    return check


def number(text: str, is_good: Callable[[float], bool]) -> Check:
    """Return a check for finite numbers; ``text`` says which ones, as in "a number above 0"."""

    def check(value: Any) -> str | None:
        is_number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
        return None if is_number and is_good(value) else text

    return check


def one_of(*choices: Any) -> Check:
    """Return a check for a closed list of values."""
    listed = ", ".join("null" if choice is None else str(choice) for choice in choices)

    def check(value: Any) -> str | None:
        # By type too: True equals 1, and False 0.
        good = any(type(value) is type(choice) and value == choice for choice in choices)
        return None if good else f"one of {listed}"

    return check


def optional(check: Check) -> Check:
    """Return a check that also allows null."""

    def relaxed(value: Any) -> str | None:
        wanted = None if value is None else check(value)
        return wanted and f"{wanted}, or null"

    return relaxed


def some_of(check: Check, maximum: int) -> Check:
    """Return a check for lists of 1 to ``maximum`` different values."""

    def checked(value: Any) -> str | None:
        good = (
            isinstance(value, list) and 1 <= len(value) <= maximum and len({*map(str, value)}) == len(value)
        )
        if good and not any(check(item) for item in value):
            return None
        return f"a list of 1 to {maximum} different values, each {check(None)}"

    return checked


def subset_of(*choices: str) -> Check:
    """Return a check for lists, empty ones too, of different values out of a closed list."""

    def checked(value: Any) -> str | None:
        is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
        good = is_list and set(value) <= {*choices} and len({*value}) == len(value)
        return None if good else f"a list of some of {', '.join(choices)}, or []"

    return checked


def list_of(check: Check, length: int) -> Check:
    """Return a check for lists of a fixed length."""

    def checked(value: Any) -> str | None:
        wanted = (
            next((wanted for item in value if (wanted := check(item))), None)
            if isinstance(value, list)
            else ""
        )
        if wanted is None and len(value) == length:
            return None
        return f"a list of {length}, each {wanted or check(None)}"

    return checked


def list_of_some(check: Check, minimum: int, maximum: int) -> Check:
    """Return a check for lists whose length is within bounds."""

    def checked(value: Any) -> str | None:
        good = isinstance(value, list) and minimum <= len(value) <= maximum
        if good and not any(check(item) for item in value):
            return None
        return f"a list of {minimum} to {maximum} values, each {check(None)}"

    return checked


def frame_ms(minimum: int) -> Check:
    """Return a check for how long a frame of a film is shown, in milliseconds."""

    def check(value: Any) -> str | None:
        good = whole(minimum, 60_000)(value) is None and value % 10 == 0
        return None if good else f"a multiple of 10, the unit of GIF files, from {minimum} to 60000"

    return check


def share_or_count(value: Any) -> str | None:
    """Check for a number of things or a share of them."""
    good = whole(1)(value) is None or (isinstance(value, float) and 0 < value <= 1)
    return None if good else "a whole number of at least 1 or a share above 0.0 and up to 1.0"


def text(value: Any) -> str | None:
    """Check for a text that is not empty."""
    return None if isinstance(value, str) and value.strip() else "a text"


def trained(value: Any) -> str | None:
    """Check for where a trained generator is."""
    return text(value) and "a run's folder or a checkpoint file, as in ckpt_path=outputs/first"


def not_text(value: str) -> str | None:
    """Return what an argument must be if it has bytes that the locale's encoding cannot decode, else None."""
    if not any("\udc80" <= letter <= "\udcff" for letter in value):
        return None
    encoding = sys.getfilesystemencoding()
    remedy = "write it in UTF-8" if encoding == "utf-8" else "export LC_ALL=C.UTF-8 first"
    return f"text in this locale's encoding, {encoding} ({remedy})"


def run_name(value: Any) -> str | None:
    """Check for the name of a folder, or of folders in one another, that does not lead out of its place."""
    if isinstance(value, str) and (wanted := not_text(value)):
        return wanted
    parts = value.split("/") if isinstance(value, str) and value.isprintable() else []
    good = parts and all(part.strip(" .") and len(part.encode()) <= 255 for part in parts)
    return None if good else "a name below outputs/, without .. (hydra.run.dir=... leads elsewhere)"


def class_name(value: Any) -> str | None:
    """Check for the name of a class, which is that of a folder."""
    good = isinstance(value, str) and value.strip(" .") and "/" not in value and value.isprintable()
    return None if good and len(value.encode()) <= 255 else "the name of a class"


def gif_name(value: Any) -> str | None:
    """Check for the name of a GIF file."""
    good = isinstance(value, str) and re.fullmatch(r"[\w-][\w. -]*\.gif", value)
    is_short = good and len(value.encode()) <= 200  # the temporary file's name is longer
    return None if is_short else "a file name without folders, of at most 200 bytes, that ends in .gif"


flag = one_of(True, False)
positive = number("a number above 0", lambda value: value > 0)
not_negative = number("a number of at least 0", lambda value: value >= 0)
below_one = number("a number from 0 up to, but not including, 1", lambda value: 0 <= value < 1)
share = number("a number from 0 to 1", lambda value: 0 <= value <= 1)
keep = number("a number from 0.01 to 1", lambda value: 0.01 <= value <= 1)
truncation = number("a number above 0 and up to 2", lambda value: 0 < value <= 2)
seed = whole(0, 2**32 - 1)
averaged = one_of("auto", True, False)
device = one_of("auto", "cpu", "cuda")
threads = optional(whole(1, 1024))
