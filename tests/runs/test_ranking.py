import dataclasses
from pathlib import Path

import numpy as np
import pytest
from made_runs import make_run, make_sweep

from dcgan_lightning.runs.ranking import TRAINING_SCORE, differing_settings, group_by_setting, rank, verdict
from dcgan_lightning.runs.ranking_tables import format_ranking
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
