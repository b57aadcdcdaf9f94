"""Runs as settings and seeds: what differs, which setting leads, and whether that means anything."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from dcgan_lightning.runs.run import SCORE, Run, figures_of
from dcgan_lightning.runs.setting_names import LABEL_WIDTH, describe, shorten

TRAINING_SCORE = f"training_{SCORE}"  # against training images, which evaluation never uses
SEED = "seed"
_CAUTION = (
    "Without scores (callbacks=[default,scores]) there is no ranking: a low loss may only mean that the "
    "other network is bad. "
)
_TRAINING_COUNT = "callbacks.scores.count"
# How often the medians of two equal settings lie further apart than the larger spread, by the seeds of the
# one with fewer: simulated with normal scores, 22 % for two seeds each, 6 % for three, 0.4 % for five; 45 %
# for one against two.
_BY_CHANCE = {
    1: "; one of them has a single seed, so chance alone would say so in up to half of all cases",
    2: "; with two seeds a setting chance alone would say so about one time in five",
}
_MISSING = object()


@dataclass(frozen=True, eq=False)
class Setting:
    """Runs that differ in nothing but their seed.

    Attributes:
        values: What differs from other settings: key to value.
        label: The same as a text.
        runs: In the order of their seeds.
    """

    values: dict[str, Any]
    label: str
    runs: list[Run]

    @property
    def names(self) -> str:
        """The names of the runs; nothing if they are only the numbers of a sweep's jobs."""
        names = [run.name for run in self.runs]
        return "" if all(map(str.isdecimal, names)) else ", ".join(names)

    @property
    def title(self) -> str:
        """Names, if there are any, and what differs."""
        if not self.names or not self.values:
            return self.names or self.label
        return f"{self.names}: {self.label}"


@dataclass(frozen=True)
class Ranking:
    """Settings in the order of a measure, the best one first.

    Attributes:
        measures: Columns of the table; the first one ranks.
        places: Setting and, for each measure, its values over the seeds.
    """

    measures: tuple[str, ...]
    places: list[tuple[Setting, dict[str, list[float]]]]

    @property
    def has_score(self) -> bool:
        """Whether a score ranks, and not a loss."""
        return self.measures[0] in (SCORE, TRAINING_SCORE)


def differing_settings(runs: Sequence[Run]) -> list[str]:
    """Return the keys whose values are not the same in all runs, in the configuration's order, the seed last.

    A job that failed early is compared in those settings only that it was given.
    """
    configured = [run for run in runs if run.has_config] or runs
    keys = dict.fromkeys(key for run in configured for key in run.settings)

    def values(key: str) -> set[str]:
        known = [run for run in runs if run.has_config or key in run.settings]
        return {repr(run.settings.get(key, _MISSING)) for run in known}

    return sorted((key for key in keys if len(values(key)) > 1), key=lambda key: key == SEED)


def group_by_setting(runs: Sequence[Run]) -> list[Setting]:
    """Return the runs by everything that differs but the seed, in the order in which they came."""
    keys = [key for key in differing_settings(runs) if key != SEED]
    groups: dict[str, list[Run]] = {}
    for run in runs:
        groups.setdefault(repr([run.settings.get(key) for key in keys]), []).append(run)
    settings = []
    for group in groups.values():
        values = {key: group[0].settings[key] for key in keys if key in group[0].settings}
        group.sort(key=lambda run: run.settings.get(SEED) or 0)
        settings.append(Setting(values, describe(values, keys) or "all runs", group))
    return settings


def measures_of(run: Run) -> dict[str, float]:
    """Return everything a run can be ranked by."""
    values = dict(run.finals) | run.scores
    if run.score_history:
        values[TRAINING_SCORE] = float(run.score_history[SCORE][-1])
    return values


def rank(settings: Sequence[Setting]) -> Ranking:
    """Return the settings in the order of the median over their seeds: of the score, else of the losses.

    Only finished runs count, unless there are none.
    """
    runs = [run for setting in settings for run in setting.runs]
    is_counted = {run for run in runs if run.status == "finished" and measures_of(run)}
    is_counted = is_counted or {run for run in runs if run.status != "failed" and measures_of(run)}
    score = next((name for name in (SCORE, TRAINING_SCORE) if _is_comparable(name, is_counted)), None)
    losses = [figure.name for figure in figures_of(runs) if not figure.is_share]
    measures = (score,) if score else tuple(losses)
    places = []
    for setting in settings:
        counted = [measures_of(run) for run in setting.runs if run in is_counted]
        values = {
            name: [run[name] for run in counted if math.isfinite(run.get(name, math.nan))]
            for name in measures
        }
        if values[measures[0]]:
            places.append((setting, values))
    return Ranking(measures, sorted(places, key=lambda place: statistics.median(place[1][measures[0]])))


def _is_comparable(score: str, runs: set[Run]) -> bool:
    """Tell whether all runs have a score of equally many images; others cannot be compared."""
    have_it = bool(runs) and all(score in measures_of(run) for run in runs)
    counts = {
        run.scores.get("images") if score == SCORE else run.settings.get(_TRAINING_COUNT) for run in runs
    }
    return have_it and len(counts) == 1


def verdict(ranking: Ranking) -> str:
    """Return in a sentence or two whether the order means anything."""
    measure = ranking.measures[0]
    caution = "" if ranking.has_score else _CAUTION
    columns = [values[measure] for _, values in ranking.places]
    failures = "".join(map(_failures, ranking.places[:2]))
    if not columns:
        return "There are no figures yet."
    if len(columns) == 1:
        spread = max(columns[0]) - min(columns[0])
        if len(columns[0]) == 1:
            return f"{caution}One run alone compares with nothing{failures}."
        return f"{caution}Over {len(columns[0])} seeds {measure} spreads by {spread:.4g}{failures}."
    first, second = columns[:2]
    gap = statistics.median(second) - statistics.median(first)
    best = f"{caution}The best two settings differ by {gap:.4g} in {measure}"
    if not ranking.has_score:
        best = best.replace("best", "first")
    if max(len(first), len(second)) == 1:
        unknown = "with one seed a setting nothing says how large the spread between seeds is"
        return f"{best}; {unknown}{failures}."
    spread = max(max(column) - min(column) for column in (first, second))
    if gap <= spread:
        than = f"not more than the spread between seeds ({spread:.4g}): it may be chance"
        return f"{best}, which is {than}{failures}."
    if failures:  # those that are left are no fair draw of a setting's seeds
        return f"{best}, the spread between the seeds that are left is {spread:.4g}{failures}."
    by_chance = _BY_CHANCE.get(min(len(first), len(second)), "")
    return f"{best}, which is more than the spread between seeds ({spread:.4g}){by_chance}."


def _failures(place: tuple[Setting, dict[str, list[float]]]) -> str:
    """Return a clause on a setting's failed runs; nothing if none failed."""
    runs = place[0].runs
    failed = sum(run.status == "failed" for run in runs)
    if not failed:
        return ""
    label = shorten(place[0].title, LABEL_WIDTH)
    verb = "failed and is" if failed == 1 else "failed and are"
    return f"; {failed} of the {len(runs)} runs of {label} {verb} not counted"
