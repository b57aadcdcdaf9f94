"""Tables as CSV that is safe to open in a spreadsheet: no text in a cell becomes a formula."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

Cell = str | int | float | Decimal | None  # a Decimal is a number with as many digits as it is written with

# What spreadsheets take for the beginning of a formula, or skip in front of one; apostrophes before it are
# counted, so that the text can be read back: it is the cell without its first apostrophe.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # the last four: full-width forms


def csv_text(rows: Iterable[Sequence[Cell]]) -> str:
    """Return rows as the content of a CSV file.

    Args:
        rows: Numbers are written as such, also negative ones; None is an empty cell. A text that begins
            like a formula gets an apostrophe in front, which spreadsheets do not show.
    """
    return "".join(map(_line, rows))


def _line(row: Sequence[Cell]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(map(_written, row))  # so that both signs are quoted
    return text.getvalue().removesuffix("\r\n") + "\n"


def _written(cell: Cell) -> Cell:
    return f"'{cell}" if isinstance(cell, str) and _FORMULA.match(cell) else cell
