import subprocess
import sys
import tomllib
from pathlib import Path

import lowest_versions
import pytest
from packaging.requirements import Requirement


def test_lower_bounds_become_exact_versions() -> None:
    wanted = ["a>=1.2", "b-c>=0.5,<2", "d<2", "e", "f[x]>=3", "a>=1.2"]
    assert lowest_versions.lowest(wanted) == ["a==1.2", "b-c==0.5", "f==3"]
    with pytest.raises(ValueError, match="a has two lower bounds: 1 and 2"):
        lowest_versions.lowest(["a>=1", "a>=2"])


def test_extras_of_extras_are_followed() -> None:
    extras = {"dev": ["x[one, two]", "a>=1"], "one": ["x[three]"], "two": ["b>=2"], "three": ["c>=3"]}
    project = {"name": "x", "optional-dependencies": extras}
    assert [*lowest_versions.requirements(project, "dev")] == ["c>=3", "b>=2", "a>=1"]


def test_each_constraint_is_allowed_and_nothing_below_it() -> None:
    script = Path(lowest_versions.__file__)
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    constraints = {line.name: line for line in map(Requirement, done.stdout.split())}
    project = tomllib.loads(lowest_versions.PYPROJECT.read_text())["project"]
    wanted = [*map(Requirement, project["dependencies"])]
    wanted += [*map(Requirement, lowest_versions.requirements(project, "dev"))]
    bounded = {requirement.name for requirement in wanted if ">=" in str(requirement.specifier)}
    assert set(constraints) == bounded
    assert {"torch", "matplotlib", "onnx", "pytest"} <= bounded
    for requirement in wanted:
        if requirement.name in bounded:
            (version,) = (one.version for one in constraints[requirement.name].specifier)
            assert requirement.specifier.contains(version)
            lower = [one.version for one in requirement.specifier if one.operator == ">="]
            assert lower == [version]
