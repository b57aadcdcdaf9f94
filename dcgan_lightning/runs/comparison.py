"""Comparison of runs: a table, the grids and the curves side by side."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from dcgan_lightning.core.files import write_together
from dcgan_lightning.core.regular_files import read_file
from dcgan_lightning.pictures import Panel, decode_png, draw_quality, draw_setting_curves, draw_side_by_side
from dcgan_lightning.pictures.comparisons import History
from dcgan_lightning.runs.ranking import SEED, Setting, differing_settings, group_by_setting, rank, verdict
from dcgan_lightning.runs.ranking_tables import format_ranking, summary_csv
from dcgan_lightning.runs.run import SCORE, Run, figures_of
from dcgan_lightning.runs.setting_names import describe, format_value

log = logging.getLogger("dcgan_lightning.compare")  # __name__ is "__main__" when run as a command


PICTURES = ("grids.png", "curves.png", "quality.png")
_WIDEST = 4  # grids in a row, where rows and columns mean nothing


def write_comparison(runs: Sequence[Run], folder: Path) -> str:
    """Write ``summary.csv`` and the pictures of `PICTURES` together; return the ranking as a text.

    Pictures are left out if no run has what they would show, and if they cannot be drawn, which is still an
    error; an earlier comparison's is then removed.

    Args:
        runs: At least one.
        folder: Made if missing.
    """
    settings = group_by_setting(runs)
    ranking = rank(settings)
    curves = [(setting.title, [_curves(run) for run in setting.runs if run.history]) for setting in settings]
    files = {"summary.csv": summary_csv(runs).encode()}
    try:
        if any(run.grid for run in runs):
            files["grids.png"] = draw_side_by_side(lay_out(settings))
        if any(histories for _, histories in curves):
            shown = [curve for curve in curves if curve[1]]
            files["curves.png"] = draw_setting_curves(shown, figures_of(runs))
        if scored := [(title, kept) for title, histories in curves if (kept := _scored(histories))]:
            files["quality.png"] = draw_quality(scored)
    finally:
        write_together(folder, files)
        for path in (folder / name for name in PICTURES if name not in files):
            if path.is_file():
                path.unlink()
    *others, last = files
    names = f"{', '.join(others)} and {last} are" if others else f"{last} is"
    table = f"{format_ranking(ranking)}\n\n" if ranking.places else ""
    return f"{table}{verdict(ranking)}\n{names} in {folder}"


def lay_out(settings: Sequence[Setting]) -> list[list[Panel | None]]:
    """Return the runs' last grids in rows and columns.

    Seeds are side by side in the row of their setting; with one seed, and two keys whose values are all
    combined, one key goes down and the other one across; all else flows.
    """
    if max(len(setting.runs) for setting in settings) > 1 and len(settings) > 1:
        return _by_seed(settings)
    runs = [run for setting in settings for run in setting.runs]
    crossed = _crossed(settings)
    if crossed:
        return crossed
    keys = differing_settings(runs)
    panels: list[Panel | None] = [_panel(run, keys) for run in runs]
    columns = min(len(panels), _WIDEST) if len(panels) != 2 * _WIDEST - 2 else _WIDEST - 1
    panels += [None] * (-len(panels) % columns)
    return [panels[start : start + columns] for start in range(0, len(panels), columns)]


def _by_seed(settings: Sequence[Setting]) -> list[list[Panel | None]]:
    """Return a row for each setting, a column for each seed; for each run if a seed comes twice."""
    runs = [run for setting in settings for run in setting.runs]
    keys = differing_settings(runs)
    seeds = sorted({run.settings.get(SEED) for run in runs}, key=lambda seed: (seed is None, seed))
    rows: list[list[Panel | None]] = []
    width = max(len(setting.runs) for setting in settings)
    for setting in settings:
        by_seed = {run.settings.get(SEED): _panel(run, keys) for run in setting.runs}
        if len(by_seed) == len(setting.runs) and len(seeds) == width:
            rows.append([by_seed.get(seed) for seed in seeds])
        else:
            panels: list[Panel | None] = [_panel(run, keys) for run in setting.runs]
            rows.append(panels + [None] * (width - len(panels)))
    return rows


def _crossed(settings: Sequence[Setting]) -> list[list[Panel | None]] | None:
    """Return the table of two keys whose values are all combined, or None if some combination is missing."""
    keys = list(settings[0].values)
    if len(keys) != 2 or any(list(setting.values) != keys for setting in settings):
        return None
    places = {tuple(format_value(setting.values[key]) for key in keys): setting for setting in settings}
    downs, acrosses = (list(dict.fromkeys(place[index] for place in places)) for index in (0, 1))
    is_full = len(places) == len(settings) == len(downs) * len(acrosses)
    if not is_full or min(len(downs), len(acrosses)) == 1 or len(acrosses) > 2 * _WIDEST:
        return None
    return [[_panel(places[down, across].runs[0], keys) for across in acrosses] for down in downs]


def _panel(run: Run, keys: Sequence[str]) -> Panel:
    """Return a run's grid with its name, its differing settings, and its status unless it is finished."""
    what = describe({key: run.settings[key] for key in keys if key in run.settings}, keys)
    state = "" if run.status == "finished" else f" ({run.status})"
    title = f"{run.name}: {what}{state}" if what else f"{run.name}{state}"
    if run.grid is None:
        return Panel(title, note=f"{run.status}: {run.reason}" if run.reason else "no grid")
    try:
        return Panel(title, decode_png(read_file(run.grid)))
    except Exception as error:  # what the decoders raise on damaged files is not a closed list
        log.warning("left out of grids.png: %s is damaged (%s)", run.grid, type(error).__name__)
        return Panel(title, note="its last grid is damaged")


def _scored(histories: Sequence[History]) -> list[History]:
    """Return the histories of runs that were scored several times while they trained."""
    return [history for history in histories if len(history.get("score_minutes", ())) > 1]


def _curves(run: Run) -> History:
    """Return a run's history with the position of each iteration in epochs, for `draw_setting_curves`."""
    epochs = run.history["epoch"] - 1 + run.history["iteration"] / run.iterations_per_epoch
    names = [figure.name for figure in run.figures if figure.name in run.history]
    history = {name: run.history[name] for name in names} | {"epochs": epochs}
    if run.score_history:
        scored = run.score_history["epoch"]
        ends = np.searchsorted(run.history["epoch"], scored, side="right") - 1
        minutes = run.history["seconds"][ends] / 60
        history |= {"score": run.score_history[SCORE], "score_epochs": scored, "score_minutes": minutes}
    elif SCORE in run.scores:
        history |= {"score": np.array([run.scores[SCORE]]), "score_epochs": np.array([math.ceil(epochs[-1])])}
    return history
