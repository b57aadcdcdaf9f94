import csv
import dataclasses
import io
from pathlib import Path

import numpy as np
import pytest
from made_runs import make_run, make_sweep

from dcgan_lightning.runs.ranking import (
    TRAINING_SCORE,
    describe,
    differing_settings,
    format_ranking,
    format_value,
    group_by_setting,
    rank,
    summary_csv,
    verdict,
)
from dcgan_lightning.runs.run import SCORE, Run, read_runs


def make_runs(folder: Path, *runs: dict) -> list[Run]:
    return read_runs([make_run(folder / str(number), **run) for number, run in enumerate(runs)])


def scored(folder: Path, **scores: tuple[float, ...]) -> list[Run]:
    """Return runs of two rates or more with a score for each seed."""
    return make_runs(
        folder,
        *(
            {"rate": rate, "seed": seed, "score": score}
            for rate, column in zip((1e-4, 2e-4, 3e-4), scores.values(), strict=False)
            for seed, score in enumerate(column)
        ),
    )


def test_what_differs(tmp_path: Path) -> None:
    runs = make_runs(tmp_path, {"seed": 1}, {"rate": 2e-4}, {"dropout": 0.5})
    assert differing_settings(runs) == ["model.generator_lr", "model.dropout", "seed"]
    assert differing_settings(runs[:1]) == []


def test_a_failed_job_is_compared_in_what_it_was_given(tmp_path: Path) -> None:
    runs = read_runs([make_sweep(tmp_path / "sweep")])
    assert differing_settings(runs) == ["model.generator_lr", "seed"]


def test_groups_have_everything_in_common_but_the_seed(tmp_path: Path) -> None:
    runs = make_runs(
        tmp_path,
        {"seed": 2},
        {"seed": 1, "rate": 2e-4},
        {"seed": 1},
        {"seed": 0, "rate": 2e-4},
        {"rate": 3e-4},
    )
    groups = [(setting.label, [run.name for run in setting.runs]) for setting in group_by_setting(runs)]
    assert groups == [
        ("generator_lr=0.0001", ["2", "0"]),
        ("generator_lr=0.0002", ["3", "1"]),
        ("generator_lr=0.0003", ["4"]),
    ]


def test_seeds_alone_are_one_group(tmp_path: Path) -> None:
    (setting,) = group_by_setting(make_runs(tmp_path, {"seed": 0}, {"seed": 1}))
    assert (setting.label, len(setting.runs)) == ("all runs", 2)


def test_settings_as_text() -> None:
    values = {"model.seed": 1, "data.seed": 2, "data._target_": "dcgan_lightning.data.SyntheticDataModule"}
    assert describe(values) == "model.seed=1 data.seed=2 data=synthetic"
    shown = [format_value(value) for value in (1e-4, 5e-4, [128, 64], [0.5, 0.999], True, None, 1, 0, "a.b")]
    assert shown == ["0.0001", "0.0005", "[128,64]", "[0.5,0.999]", "true", "null", "1", "0", "a.b"]


def test_the_score_ranks_where_all_have_it(tmp_path: Path) -> None:
    runs = scored(tmp_path, worse=(3.0, 3.5), best=(1.0, 1.5), worst=(9.0,))
    ranking = rank(group_by_setting(runs))
    assert ranking.measures == ("frechet_distance",)
    assert [(setting.label, values["frechet_distance"]) for setting, values in ranking.places] == [
        ("generator_lr=0.0002", [1.0, 1.5]),
        ("generator_lr=0.0001", [3.0, 3.5]),
        ("generator_lr=0.0003", [9.0]),
    ]
    assert format_ranking(ranking).splitlines() == [
        "place  setting              runs  frechet_distance: median     range",
        "1      generator_lr=0.0002     2                      1.25  1 to 1.5",
        "2      generator_lr=0.0001     2                      3.25  3 to 3.5",
        "3      generator_lr=0.0003     1                         9         -",
    ]
    assert verdict(ranking) == (
        "The best two settings differ by 2 in frechet_distance, which is more than the spread between seeds "
        "(0.5); with two seeds a setting chance alone would say so about one time in five."
    )


def test_a_difference_within_the_spread_may_be_chance(tmp_path: Path) -> None:
    ranking = rank(group_by_setting(scored(tmp_path, first=(1.0, 3.0), second=(2.0, 2.5))))
    assert verdict(ranking) == (
        "The best two settings differ by 0.25 in frechet_distance, which is not more than the spread between "
        "seeds (2): it may be chance."
    )


@pytest.mark.parametrize(
    ("seeds", "clause"),
    [
        (1, "; one of them has a single seed, so chance alone would say so in up to half of all cases"),
        (2, "; with two seeds a setting chance alone would say so about one time in five"),
        (3, ""),
    ],
)
def test_how_often_chance_would_say_so(tmp_path: Path, seeds: int, clause: str) -> None:
    scores = (2.0, 2.25, 2.5)
    ranking = rank(
        group_by_setting(scored(tmp_path, first=scores[:seeds], second=tuple(s + 7 for s in scores)))
    )
    assert verdict(ranking).endswith(f"which is more than the spread between seeds (0.5){clause}.")


def test_chance_as_simulated() -> None:
    draws = np.random.default_rng(0).standard_normal((20_000, 2, 5))
    for seeds, share in ((2, 0.22), (3, 0.06), (5, 0.004)):
        some = draws[..., :seeds]
        gap = abs(np.diff(np.median(some, axis=2), axis=1)[:, 0])
        assert (gap > np.ptp(some, axis=2).max(axis=1)).mean() == pytest.approx(share, abs=0.006)


def test_a_setting_whose_other_seeds_failed_claims_nothing(tmp_path: Path) -> None:
    runs = scored(tmp_path, lucky=(1.0, 9.0, 9.0), steady=(3.0, 3.5, 4.0))
    runs = [dataclasses.replace(run, status="failed") if run.scores[SCORE] == 9 else run for run in runs]
    ranking = rank(group_by_setting(runs))
    assert format_ranking(ranking).splitlines() == [
        "place  setting                runs  frechet_distance: median   range",
        "1      generator_lr=0.0001  1 of 3                         1       -",
        "2      generator_lr=0.0002       3                       3.5  3 to 4",
    ]
    assert verdict(ranking) == (
        "The best two settings differ by 2.5 in frechet_distance, the spread between the seeds that are left "
        "is 1; 2 of the 3 runs of generator_lr=0.0001 failed and are not counted."
    )


def test_one_seed_a_setting_says_nothing(tmp_path: Path) -> None:
    ranking = rank(group_by_setting(scored(tmp_path, first=(1.0,), second=(2.0,))))
    assert verdict(ranking) == (
        "The best two settings differ by 1 in frechet_distance; with one seed a setting nothing says how "
        "large the spread between seeds is."
    )


def test_losses_do_not_rank(tmp_path: Path) -> None:
    runs = make_runs(
        tmp_path,
        *({"rate": rate, "seed": seed, "level": level} for rate, seed, level in
          [(1e-4, 0, 1.0), (1e-4, 1, 1.5), (2e-4, 0, 0.5), (2e-4, 1, 0.75)]),
        {"rate": 2e-4, "seed": 2, "level": 99.0, "trained": 1},  # was stopped, so it does not count
    )  # fmt: skip
    ranking = rank(group_by_setting(runs))
    assert not ranking.has_score
    assert format_ranking(ranking).splitlines() == [
        "setting                runs  gen_loss: median        range  disc_loss: median     range",
        "generator_lr=0.0002  2 of 3             0.625  0.5 to 0.75               1.25  1 to 1.5",
        "generator_lr=0.0001       2              1.25     1 to 1.5                2.5    2 to 3",
    ]
    assert verdict(ranking) == (
        "Without scores (callbacks=[default,scores]) there is no ranking: a low loss may only mean that the "
        "other network is bad. The first two settings differ by 0.625 in gen_loss, which is more than the "
        "spread between seeds (0.5); with two seeds a setting chance alone would say so about one time in "
        "five."
    )


def test_one_score_too_few_and_the_losses_are_shown(tmp_path: Path) -> None:
    runs = make_runs(tmp_path, {"score": 1.0}, {"rate": 2e-4})
    assert rank(group_by_setting(runs)).measures == ("gen_loss", "disc_loss")


def test_scores_of_other_numbers_of_images_are_not_compared(tmp_path: Path) -> None:
    runs = make_runs(tmp_path, {"score": 1.0}, {"rate": 2e-4, "score": 2.0})
    path = runs[0].folder / "scores" / "scores.json"
    path.write_text(path.read_text().replace("10000", "500"))
    again = read_runs([run.folder for run in runs])
    assert rank(group_by_setting(again)).measures == ("gen_loss", "disc_loss")


@pytest.mark.parametrize(("counts", "measure"), [((1000, 5000), "gen_loss"), ((5000, 5000), TRAINING_SCORE)])
def test_training_scores_of_other_numbers_of_images_are_not_compared(
    tmp_path: Path, counts: tuple[int, int], measure: str
) -> None:
    runs = []
    for run, count in zip(make_runs(tmp_path, {}, {"rate": 2e-4}), counts, strict=True):
        (run.folder / "history" / "scores.csv").write_text("epoch,frechet_distance\n1,9\n")
        with open(run.folder / "config.yaml", "a") as file:
            file.write(f"callbacks: {{scores: {{count: {count}}}}}\n")
        runs.append(run.folder)
    assert rank(group_by_setting(read_runs(runs))).measures[0] == measure


def test_training_scores_rank_where_there_are_no_others(tmp_path: Path) -> None:
    runs = make_runs(tmp_path, {"seed": 0}, {"seed": 1})
    for run, score in zip(runs, (2.0, 5.0), strict=True):
        text = f"epoch,frechet_distance\n1,9\n2,{score}\n"
        (run.folder / "history" / "scores.csv").write_text(text)
    ranking = rank(group_by_setting(read_runs([run.folder for run in runs])))
    assert ranking.places[0][1] == {"training_frechet_distance": [2.0, 5.0]}
    assert verdict(ranking) == "Over 2 seeds training_frechet_distance spreads by 3."


def test_nothing_to_rank(tmp_path: Path) -> None:
    sweep = make_sweep(tmp_path / "sweep")
    failed = [run for run in read_runs([sweep]) if run.status == "failed"]
    ranking = rank(group_by_setting(failed))
    assert (ranking.places, verdict(ranking)) == ([], "There are no figures yet.")


def test_one_line_a_run(tmp_path: Path) -> None:
    runs = read_runs([make_sweep(tmp_path / "sweep", scores=True)])
    rows = [*csv.DictReader(io.StringIO(summary_csv(runs)))]
    assert [*rows[0]] == [
        *("run", "status", "model.generator_lr", "seed", "epochs", "seconds", "gen_loss", "disc_loss"),
        *("real_accuracy", "fake_accuracy", "frechet_distance", "recall", "images", "reason", "overrides"),
    ]
    assert [*rows[1].values()] == [
        *("1", "finished", "0.0001", "1", "2", "6.0", "1.2", "2.4", "0.5", "0.75", "3.5", "0.5", "10000", ""),
        "model.generator_lr=1e-4 seed=1",
    ]
    assert [*rows[2].values()][1:10] == [*("stopped", "0.0002", "0", "1", "4.0", "0.5", "1", "0.5", "0.75")]
    assert rows[2]["reason"] == "SIGTERM"
    assert [*rows[3].values()] == [
        *("3", "failed", "0.0002", "1", "0", "9.0", *[""] * 7, "data.count must be more"),
        "model.generator_lr=2e-4 seed=1",
    ]


@pytest.mark.parametrize("objective", [None, 0.125])
def test_what_a_job_returned_is_a_column(tmp_path: Path, objective: float | None) -> None:
    (run,) = make_runs(tmp_path, {})
    (row,) = csv.DictReader(io.StringIO(summary_csv([dataclasses.replace(run, objective=objective)])))
    assert row.get("objective") == (None if objective is None else "0.125")


def test_runs_are_shown_by_their_names(tmp_path: Path) -> None:
    folders = [
        make_run(tmp_path / "wide", 0, 1e-4, score=2.0),
        make_run(tmp_path / "wide_again", 1, 1e-4, score=4.0),
        make_run(tmp_path / "narrow", 0, 2e-4, score=1.0),
    ]
    table = format_ranking(rank(group_by_setting(read_runs(folders))))
    head, *lines = [line.split("  ") for line in table.splitlines()]
    assert [part.strip() for part in head if part][:4] == ["place", "name", "setting", "runs"]
    assert [[part.strip() for part in line if part][1:3] for line in lines] == [
        ["narrow", "generator_lr=0.0002"],
        ["wide, wide_again", "generator_lr=0.0001"],
    ]
    titles = [setting.title for setting in group_by_setting(read_runs(folders))]
    assert titles == ["wide, wide_again: generator_lr=0.0001", "narrow: generator_lr=0.0002"]
    assert group_by_setting(read_runs(folders[:2]))[0].title == "wide, wide_again"


def test_the_numbers_of_a_sweeps_jobs_are_no_names(tmp_path: Path) -> None:
    settings = group_by_setting(read_runs([make_sweep(tmp_path / "sweep", scores=True)]))
    assert [setting.title for setting in settings] == ["generator_lr=0.0001", "generator_lr=0.0002"]
    assert "name" not in format_ranking(rank(settings)).splitlines()[0]


def test_long_names_are_cut(tmp_path: Path) -> None:
    folders = [make_run(tmp_path / (letter * 200), rate=rate) for letter, rate in (("a", 1e-4), ("b", 2e-4))]
    lines = format_ranking(rank(group_by_setting(read_runs(folders)))).splitlines()
    assert max(map(len, lines)) < 170
    assert ["a" * 36 in line for line in lines] == [False, True, False]


def test_a_summary_holds_no_formulas(tmp_path: Path) -> None:
    runs = read_runs(
        [make_run(tmp_path / name, note=name) for name in ("=HYPERLINK(1)", "@SUM(1)", "+1", "-x")]
    )
    text = summary_csv([dataclasses.replace(run, objective=-1.5, reason=run.name) for run in runs])
    for run, row in zip(runs, csv.DictReader(io.StringIO(text)), strict=True):
        assert [row[name] for name in ("run", "reason", "model.note")] == [f"'{run.name}"] * 3
        assert (row["objective"], row["gen_loss"], row["status"]) == ("-1.5", "1", "finished")
