"""A comparison's tables: the ranking for the terminal, and a line per run as CSV."""

import statistics
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from dcgan_lightning.runs.ranking import Ranking, differing_settings, measures_of
from dcgan_lightning.runs.run import Run, figures_of
from dcgan_lightning.runs.setting_names import LABEL_WIDTH, format_value, shorten
from dcgan_lightning.runs.spreadsheet import Cell, csv_text

_NAMES_WIDTH = 40


def format_ranking(ranking: Ranking) -> str:
    """Return the table for the terminal: median and range over the seeds of each measure."""
    has_names = any(setting.names for setting, _ in ranking.places)
    head = ["place" if ranking.has_score else "", *["name"] * has_names, "setting", "runs"]
    rows = [[*head, *(part for name in ranking.measures for part in (f"{name}: median", "range"))]]
    for place, (setting, values) in enumerate(ranking.places, start=1):
        names = [shorten(setting.names, _NAMES_WIDTH)] * has_names
        label = shorten(setting.label, LABEL_WIDTH)
        counted, begun = len(values[ranking.measures[0]]), len(setting.runs)
        runs = str(counted) if counted == begun else f"{counted} of {begun}"
        row = [str(place) if ranking.has_score else "", *names, label, runs]
        for column in values.values():
            spread = f"{min(column):.4g} to {max(column):.4g}" if len(column) > 1 else "-"
            row += [f"{statistics.median(column):.4g}", spread]
        rows.append(row)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.ljust(width) if index < 2 + has_names else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(line.strip() if not ranking.has_score else line.rstrip() for line in lines)


def summary_csv(runs: Sequence[Run]) -> str:
    """Return one line per run: status, differing settings, final figures and scores."""
    keys = differing_settings(runs)
    figures = [figure.name for figure in figures_of(runs)]
    measures = list(dict.fromkeys([*figures, *(name for run in runs for name in measures_of(run))]))
    has_objective = any(run.objective is not None for run in runs)
    head = ["run", "status", *keys, "epochs", "seconds", *measures, *["objective"] * has_objective]
    rows: list[list[Cell]] = [[*head, "reason", "overrides"]]
    for run in runs:
        values = measures_of(run)
        rows.append(
            [
                run.name,
                run.status,
                *(_cell(run.settings[key]) if key in run.settings else "" for key in keys),
                run.epochs,
                _rounded(run.seconds, ".1f"),
                *(_rounded(values.get(name), ".6g") for name in measures),
                *[_rounded(run.objective, ".6g")] * has_objective,
                run.reason,
                " ".join(run.overrides),
            ]
        )
    return csv_text(rows)


def _cell(value: Any) -> Cell:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number else format_value(value)


def _rounded(value: float | None, form: str) -> Decimal | None:
    return None if value is None else Decimal(format(value, form))
