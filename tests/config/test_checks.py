import math

import pytest

from dcgan_lightning.config import checks
from dcgan_lightning.config.checks import Check, list_of, number, one_of, optional, some_of, whole

SMALL = number("a number below 1", lambda value: value < 1)


@pytest.mark.parametrize(
    ("check", "good", "bad", "wanted"),
    [
        (whole(2), [2, 10**9], [1, 2.0, "2", True, None], "a whole number of at least 2"),
        (whole(1, 3), [1, 3], [0, 4, False], "a whole number from 1 to 3"),
        (SMALL, [0, -2.5], [1, True, "0", math.nan, -math.inf, None], "a number below 1"),
        (one_of(None, "a", True), [None, "a", True], ["b", 0, 1, False], "one of null, a, True"),
        (optional(whole(1)), [None, 1], [0], "a whole number of at least 1, or null"),
        (
            some_of(one_of("a", "b", "c"), 2),
            [["a"], ["b", "a"]],
            [[], ["a", "a"], ["a", "b", "c"], ["d"], "a", None],
            "a list of 1 to 2 different values, each one of a, b, c",
        ),
        (
            list_of(whole(1), 2),
            [[1, 1]],
            [[1], [1, 2, 3], [1, 0], 1, None],
            "a list of 2, each a whole number of at least 1",
        ),
        (
            checks.share_or_count,
            [1, 7, 0.5, 1.0],
            [0, 0.0, 1.5, True, "1"],
            "a whole number of at least 1 or a share above 0.0 and up to 1.0",
        ),
        (checks.text, ["a b"], ["", " ", 1, None], "a text"),
        (checks.flag, [True, False], ["yes", None, 1, 0, 1.0], "one of True, False"),
        (
            checks.frame_ms(20),
            [20, 60_000],
            [10, 25, 60_010, 20.0, True],
            "a multiple of 10, the unit of GIF files, from 20 to 60000",
        ),
        (checks.below_one, [0, 0.999], [1, -0.1], "a number from 0 up to, but not including, 1"),
        (checks.seed, [0, 2**32 - 1], [-1, 2**32], "a whole number from 0 to 4294967295"),
    ],
)
def test_checks_say_what_a_value_must_be(check: Check, good: list, bad: list, wanted: str) -> None:
    assert [check(value) for value in good] == [None] * len(good)
    assert {check(value) for value in bad} == {wanted}


@pytest.mark.parametrize("name", ["first", "a/b", "2026-01-31_10-00-00", "x.y", "seed=1"])
def test_names_of_runs(name: str) -> None:
    assert checks.run_name(name) is None


@pytest.mark.parametrize("name", ["", ".", "..", "a/../b", "/a", "a/", "a//b", "a\nb", "x" * 256, 3, None])
def test_names_that_lead_elsewhere(name: object) -> None:
    assert str(checks.run_name(name)).startswith("a name below outputs/, without ..")


@pytest.mark.parametrize(
    ("name", "is_good"),
    [("film.gif", True), ("my film-2.gif", True), ("a/b.gif", False), ("film.png", False), (".gif", False)],
)
def test_names_of_films(name: str, is_good: bool) -> None:
    assert (checks.gif_name(name) is None) == is_good
