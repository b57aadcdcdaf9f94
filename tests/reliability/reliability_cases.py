"""All cases, by their names."""

import re
from collections.abc import Callable
from pathlib import Path

import reliability_faults
import reliability_folders
import reliability_inputs
import reliability_writes
from reliability_contenders import Contender, Outcome

Case = Callable[[Contender, Path, bool], Outcome]


def all_cases() -> dict[str, Case]:
    """Return F1 to F19 and B1 to B9, in this order."""
    found = {}
    for module in (reliability_faults, reliability_writes, reliability_folders, reliability_inputs):
        names = [name for name in vars(module) if re.fullmatch(r"[fb]\d+", name)]
        for name in sorted(names, key=lambda name: int(name[1:])):
            found[name.upper()] = getattr(module, name)
    return found
