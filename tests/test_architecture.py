"""The import rules of dcgan_lightning/README.md."""

import ast
from pathlib import Path

import pytest

import dcgan_lightning

PACKAGE = Path(dcgan_lightning.__file__).parent
ROOT = PACKAGE.parent
NEITHER = {"networks", "kernels", "pictures", "evaluation", "reports", "rules"}
NEITHER |= {"randomness.py", "files.py", "errors.py", "checkpoints.py", "streams.py"}
NEITHER |= {"distributed.py", "durations.py", "processes.py", "devices.py", "pretrained.py", "sampling.py"}
NEITHER |= {"background.py", "memory.py", "optional.py"}
NEITHER |= {"heartbeat.py", "meetings.py"}
NEITHER |= {"latent.py", "garments.py", "gallery.py"}
NEITHER |= {"formats.py", "model_card.py"}
NEITHER |= {"jobs.py", "runs.py", "ranking.py", "samples.py"}
NO_HYDRA = {"data", "systems", "callbacks"}
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


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_import_rules(path: Path) -> None:
    room = path.relative_to(PACKAGE).parts[0]
    hydra = {"hydra", "omegaconf"} & tops(path)
    lightning = {"pytorch_lightning", "lightning_fabric", "lightning"} & tops(path)
    if room in NEITHER:
        assert not hydra | lightning
        upper = ("dcgan_lightning.systems", "dcgan_lightning.callbacks", "dcgan_lightning.data")
        assert not any(name.startswith(upper) for name in imports(path))
    if room in NO_HYDRA and path.name != "__main__.py":
        assert not hydra
        assert not any(name in ("dcgan_lightning.config", "dcgan_lightning.train") for name in imports(path))


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
