"""What the README files and the guide for contributors say can be typed, exists and is valid."""

import ast
import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from conftest import Compose
from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser

import dcgan_lightning
from dcgan_lightning.compare import name_runs
from dcgan_lightning.config.build import CONF_DIR
from dcgan_lightning.config.validate import check_command, validate

ROOT = Path(dcgan_lightning.__file__).resolve().parents[1]
LONGEST = 220  # lines of the README at the top
# Runs below outputs/ may hold README files of their own: the model cards of exports.
ROOMS = ("conf", "dcgan_lightning", "tests", "outputs/showcase")
READMES = [
    ROOT / "README.md",
    ROOT / "outputs" / "README.md",
    ROOT / ".github" / "CONTRIBUTING.md",
    *sorted(page for room in ROOMS for page in (ROOT / room).rglob("README.md")),
]
PAGES = [
    *READMES,
    *sorted(ROOT.glob(".github/CHANGELOG.md")),
    *sorted(ROOT.glob("dcgan_lightning/**/weights/*.md")),
]
TEXT = {page: page.read_text(encoding="utf-8") for page in PAGES}
EVERYTHING = "\n".join(TEXT[page] for page in READMES)
# In blocks of code and in running text alike; a comment ends a command.
COMMANDS = sorted(set(re.findall(r"python -m (dcgan_lightning\.\w+)([^`#\n]*)", EVERYTHING)))
SCRIPTS = sorted(set(re.findall(r"python (tests/[\w/]+\.py)", EVERYTHING)))
GROUP_TABLES = "\n".join(re.findall(r"^\| group \|(?:.*\n)+?\n", EVERYTHING, flags=re.MULTILINE))
TABLE_EXAMPLES = sorted(set(re.findall(r"`((?:[\w.]+=[^`\s]+ ?)+)`", GROUP_TABLES)))
MAKE_ARGUMENTS = sorted(
    set(re.findall(r"make (train|evaluate|data|anchors) ARGS=\"([^\"]*)\"", EVERYTHING)) - {("train", "...")}
)

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))


def compose_arguments(compose_cfg: Compose, arguments: list[str], config_name: str) -> None:
    """Compose a command's overrides, with the first value of each sweep, and validate the result."""
    if config_name == "compare":
        with initialize_config_dir(CONF_DIR, version_base="1.3"):
            check_command(compose(config_name, name_runs(arguments)), config_name)
        return
    overrides = []
    for override in OverridesParser.create().parse_overrides(arguments):
        value = next(override.sweep_string_iterator()) if override.is_sweep_override() else None
        overrides.append(f"{override.get_key_element()}={value}" if value else override.input_line)
    cfg = compose_cfg(*overrides, config_name=config_name)
    if config_name == "train":
        validate(cfg)
    else:
        check_command(cfg, config_name)


def anchors(text: str) -> set[str]:
    """Return the names by which GitHub links to the headings of a page."""
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def imports(text: str) -> Iterator[tuple[str, str]]:
    """Yield module and name of each import from this project in a page's Python examples."""
    for block in re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("dcgan_lightning"):
                yield from ((str(node.module), alias.name) for alias in node.names)


def test_the_pages_are_found() -> None:
    assert {"conf", "tests/parity", "dcgan_lightning"} <= {
        str(page.parent.relative_to(ROOT)) for page in READMES
    }
    assert len(COMMANDS) > 40
    assert len(TABLE_EXAMPLES) >= 7


def test_the_readme_at_the_top_is_short() -> None:
    assert len(TEXT[ROOT / "README.md"].splitlines()) <= LONGEST


@pytest.mark.parametrize(("module", "text"), COMMANDS)
def test_commands_are_valid(compose_cfg: Compose, module: str, text: str) -> None:
    arguments = [argument for argument in shlex.split(text) if argument not in ("-m", "--help")]
    config_names = {"dcgan_lightning.data": "describe"}
    config_name = config_names.get(module, module.rpartition(".")[2])
    compose_arguments(compose_cfg, arguments, config_name)


@pytest.mark.parametrize("text", TABLE_EXAMPLES)
def test_overrides_in_the_text_are_valid(compose_cfg: Compose, text: str) -> None:
    compose_arguments(compose_cfg, text.split(), "train")


@pytest.mark.parametrize(("target", "text"), MAKE_ARGUMENTS)
def test_arguments_of_make_are_valid(compose_cfg: Compose, target: str, text: str) -> None:
    config_name = {"data": "describe", "anchors": "evaluate"}.get(target, target)
    compose_arguments(compose_cfg, shlex.split(text), config_name)


def test_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = re.findall(r"(?:^|`)make ([a-z-]+)", EVERYTHING, flags=re.MULTILINE)
    assert set(named) <= targets
    assert {"train", "test"} <= set(named)


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_exist(script: str) -> None:
    assert (ROOT / script).is_file()


@every_page
def test_links_and_pictures_exist(page: Path) -> None:
    for target, anchor in re.findall(r"\]\(([^)#]*)#?([^)]*)\)", TEXT[page]):
        if target.startswith("http"):
            continue
        linked = (page.parent / target).resolve() if target else page
        assert linked.exists(), target
        assert linked.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(linked.read_text(encoding="utf-8")), f"{target}#{anchor}"


@every_page
def test_files_in_the_text_exist(page: Path) -> None:
    """Modules and settings named in running text, relative to the page, the repository or the package."""
    text = re.sub(r"^```.*?^```", "", TEXT[page], flags=re.MULTILINE | re.DOTALL)
    places = (page.parent, ROOT, Path(dcgan_lightning.__file__).parent)
    for name in re.findall(r"`([\w./-]+\.(?:py|yaml|toml|lock))`", text):
        if "NAME" not in name and name != "config.yaml":  # which a run has
            assert any((place / name).exists() for place in places), name


@every_page
def test_python_examples_import_what_exists(page: Path) -> None:
    for module, name in imports(TEXT[page]):
        assert hasattr(import_module(module), name), f"{module}.{name}"
