"""The import rules of dcgan_lightning/README.md."""

import ast
from pathlib import Path

import pytest

import dcgan_lightning

PACKAGE = Path(dcgan_lightning.__file__).parent
ROOT = PACKAGE.parent
# What each room may import of the others; a room of one module at the root is a command, or the command line.
ROOMS: dict[str, str] = {
    "core": "",
    "kernels": "",
    "losses": "",
    "config": "core",
    "pictures": "core",
    "cli": "config core",
    "networks": "core kernels pictures",
    "runs": "config core pictures",
    "reports": "config core pictures runs",
    "data": "cli config core pictures",
    "evaluation": "config core data kernels losses networks",
    "systems": "core data evaluation kernels losses networks",
    "inference": "config core data evaluation losses networks pictures runs",
    "callbacks": "config core data evaluation networks pictures reports runs systems",
    "training": "callbacks config core inference networks runs systems",
    "sweeps": "config core pictures runs training",
}
# Libraries by the rooms that may use them; commands may use all.
LIBRARIES = {
    "hydra": {"cli", "config", "sweeps", "training"},
    "omegaconf": {"cli", "config", "sweeps", "training"},
    "pytorch_lightning": {"callbacks", "data", "systems", "training"},
    "lightning_fabric": {"callbacks", "config", "training"},
}
DOORS = {"data/__main__.py"}  # commands that are not at the root
NEEDS_NO_PYTORCH = {"config", "reports", "sweeps", "cli"}  # when it is imported: a refusal takes no seconds
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Return the top names of all packages that a module imports, and full names within this project."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module or "")
    return names


def tops(path: Path) -> set[str]:
    return {name.partition(".")[0] for name in imports(path)}


def room_of(path: Path) -> str:
    parts = path.relative_to(PACKAGE).parts
    return parts[0] if len(parts) > 1 else path.stem


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_import_rules(path: Path) -> None:
    room = room_of(path)
    if room not in ROOMS:
        assert path.parent == PACKAGE, f"{room} is not in the table"
        return
    own = {name.split(".")[1] for name in imports(path) if name.startswith("dcgan_lightning.")}
    assert own - {room} <= {*ROOMS[room].split()}
    if str(path.relative_to(PACKAGE)) not in DOORS:
        assert not {name for name, rooms in LIBRARIES.items() if name in tops(path) and room not in rooms}


def test_rooms_form_no_circle() -> None:
    """Each room imports only rooms above it in the table."""
    before: set[str] = set()
    for room, others in ROOMS.items():
        assert {*others.split()} <= before, room
        before.add(room)


def test_every_room_is_in_the_table() -> None:
    folders = {path.parent for path in MODULES if path.parent.parent == PACKAGE}
    assert {folder.name for folder in folders} | {"cli"} == {*ROOMS}


def test_the_root_holds_commands_only() -> None:
    assert len([*PACKAGE.glob("*.py")]) <= 14


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_refusals_need_no_pytorch(path: Path) -> None:
    if room_of(path) in NEEDS_NO_PYTORCH:
        tree = ast.parse(path.read_text())
        at_once = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {alias.name for node in at_once for alias in node.names if isinstance(node, ast.Import)}
        names |= {node.module or "" for node in at_once if isinstance(node, ast.ImportFrom)}
        assert not {name for name in names if name.split(".")[0] in ("torch", "pytorch_lightning")}


def test_the_rule_sees_a_violation(tmp_path: Path) -> None:
    (tmp_path / "x.py").write_text("def f():\n    from hydra.utils import instantiate\n")
    assert "hydra" in tops(tmp_path / "x.py")


def test_nothing_else_at_the_top() -> None:
    allowed = {
        "pyproject.toml",
        "README.md",
        "dcgan_lightning",
        "conf",
        "tests",
        "outputs",
        "Makefile",
        "LICENSE",
    }
    allowed |= {"requirements.lock"}
    present = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert present - {"build", "dist"} <= allowed
