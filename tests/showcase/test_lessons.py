"""What all lessons have in common: executed, small, exercises at the end, translations with the same code."""

import ast
import json
import re
import tempfile
from pathlib import Path
from typing import Any

import pytest
from run_notebook import code_cells

import dcgan_lightning

ROOT = Path(dcgan_lightning.__file__).resolve().parents[1]
SHOWCASE = ROOT / "outputs" / "showcase"
LESSONS = sorted(SHOWCASE.glob("*.ipynb"))
TRANSLATIONS = sorted(SHOWCASE.glob("*.ko.ipynb"))
LARGEST = 600_000  # bytes

every_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.name)
every_translation = pytest.mark.parametrize("path", TRANSLATIONS, ids=lambda path: path.name)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def prose(path: Path) -> str:
    cells = [cell for cell in read(path)["cells"] if cell["cell_type"] == "markdown"]
    return "\n\n".join("".join(cell["source"]) for cell in cells)


def code_without_comments(path: Path) -> list[str]:
    """Return the code of each cell without comments and docstrings."""
    codes = []
    for cell in code_cells(read(path)):
        tree = ast.parse("".join(cell["source"]))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
        codes.append(ast.unparse(tree))
    return codes


@every_lesson
def test_a_lesson_is_executed_and_small_and_names_no_machine(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert len(text.encode()) < LARGEST
    notebook = json.loads(text)
    text = re.sub(r'"image/png": ".*"', "", text)
    assert notebook["nbformat"] == 4
    cells = code_cells(notebook)
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)]
    assert any("image/png" in output.get("data", {}) for cell in cells for output in cell["outputs"])
    for word in ("/home/", str(Path.home()), tempfile.gettempdir(), str(ROOT)):
        assert word not in text
    assert len({cell["id"] for cell in notebook["cells"]}) == len(notebook["cells"])


@every_lesson
def test_a_lesson_ends_with_three_exercises(path: Path) -> None:
    _, _, end = prose(path).rpartition("연습 문제" if path in TRANSLATIONS else "## Exercises")
    exercises, _, answers = end.partition("<details>")
    for part in (exercises, answers):
        assert re.findall(r"^(\d)\. ", part, flags=re.MULTILINE) == ["1", "2", "3"]


@every_lesson
def test_links_of_a_lesson_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", prose(path)):
        assert (SHOWCASE / target).exists(), target


@every_translation
def test_a_translation_has_the_same_code_and_so_the_same_outputs(path: Path) -> None:
    original = path.with_name(path.name.replace(".ko.", "."))
    assert code_without_comments(path) == code_without_comments(original)
    kept = [[cell["outputs"] for cell in code_cells(read(each))] for each in (path, original)]
    assert kept[0] == kept[1]
    kinds = [[cell["cell_type"] for cell in read(each)["cells"]] for each in (path, original)]
    assert kinds[0] == kinds[1]
    # Each passage is translated: none is left in English or empty.
    for cell in read(path)["cells"]:
        assert cell["cell_type"] == "code" or re.search("[가-힣]", "".join(cell["source"]))


def test_the_table_of_contents_names_every_lesson() -> None:
    contents = (SHOWCASE / "README.md").read_text(encoding="utf-8")
    assert {*re.findall(r"\]\(([\w.]+\.ipynb)\)", contents)} == {path.name for path in LESSONS}
