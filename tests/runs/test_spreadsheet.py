"""Text in a table is never a formula, numbers stay numbers, and both are read back unchanged."""

import csv
import io
import random

import pytest

from dcgan_lightning.runs.spreadsheet import csv_text

BEGINNINGS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
FORMULAS = [
    "=HYPERLINK(1)",
    "@SUM(1)",
    "+1",
    "-x",
    "-1",
    "\t=1",
    "\r=1",
    "\uff1d1",
    "'=1",
    "''@x",
    "+model.x=1",
]


def read(text: str) -> list[list[str]]:
    return [*csv.reader(io.StringIO(text, newline=""))]


def shown(cell: str) -> str:
    """Return the text that an escaped cell stands for."""
    is_escaped = cell.startswith("'") and cell.lstrip("'").startswith(BEGINNINGS)
    return cell[1:] if is_escaped else cell


@pytest.mark.parametrize("text", FORMULAS)
def test_formulas_become_text(text: str) -> None:
    ((cell,),) = read(csv_text([[text]]))
    assert cell == f"'{text}"


@pytest.mark.parametrize(
    "text", ["", "x", "it's", "'x'", "a=1", "[64,32,16]", " =1", "1-2", "größe", "a,b", 'a"b', "a\nb", "a\rb"]
)
def test_other_texts_stay(text: str) -> None:
    assert read(csv_text([[text, "x"]])) == [[text, "x"]]


def test_numbers_stay_numbers() -> None:
    row = [-1, 2, -0.5, 1e-5, 0.0, float("-inf"), None]
    assert csv_text([row]) == "-1,2,-0.5,1e-05,0.0,-inf,\n"
    assert [float(cell) for cell in read(csv_text([row]))[0][:-1]] == row[:-1]


def test_any_text_is_read_back_and_none_begins_like_a_formula() -> None:
    draw = random.Random(0)
    signs = ["=", "+", "-", "@", "\t", "\r", "\n", "'", '"', ",", ";", " ", "a", "1", "ü", "\uff1d", "漢"]
    for _ in range(3000):
        rows = [["".join(draw.choices(signs, k=draw.randrange(6))) for _ in range(3)] for _ in range(2)]
        cells = read(csv_text(rows))
        assert [[shown(cell) for cell in row] for row in cells] == rows
        assert not any(cell.startswith(BEGINNINGS) for row in cells for cell in row)
