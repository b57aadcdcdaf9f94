"""Print the lowest version of each dependency that pyproject.toml allows, as constraints for pip.

    python tests/lowest_versions.py > constraints.txt

Of the package itself and the extras of "dev", which the tests need; dependencies of dependencies are free.
"""

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"


def requirements(project: Mapping[str, Any], extra: str) -> Iterator[str]:
    """Yield the requirements of an extra and of the extras of the package itself that it names."""
    for requirement in project["optional-dependencies"][extra]:
        if inner := re.fullmatch(rf"{project['name']}\[(.*)\]", requirement):
            for name in inner[1].split(","):
                yield from requirements(project, name.strip())
        else:
            yield requirement


def lowest(wanted: Sequence[str]) -> list[str]:
    """Return ``name==version`` for each requirement with a lower bound.

    Raises:
        ValueError: A name has two different lower bounds.
    """
    found: dict[str, str] = {}
    for requirement in wanted:
        match = re.match(r"([\w.-]+)(?:\[.*?\])?.*?>=\s*([\w.]+)", requirement)
        if match and found.setdefault(match[1], match[2]) != match[2]:
            raise ValueError(f"{match[1]} has two lower bounds: {found[match[1]]} and {match[2]}")
    return [f"{name}=={version}" for name, version in found.items()]


def main() -> int:
    """Print one line for each dependency."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    print("\n".join(lowest([*project["dependencies"], *requirements(project, "dev")])))
    return 0


if __name__ == "__main__":
    sys.exit(main())
