import pytest

from dcgan_lightning.evaluation import CLASS_NAMES
from dcgan_lightning.evaluation.report import (
    SCORES,
    align,
    format_classes,
    format_comparison,
    format_number,
    format_table,
    summarize,
)

RUNS = [
    {"count": 9, "frechet_distance": 2.0, "recall": 0.5, "class_histogram": dict.fromkeys(CLASS_NAMES, 0.1)},
    {"count": 9, "frechet_distance": 4.0, "recall": 0.5, "class_histogram": dict.fromkeys(CLASS_NAMES, 0.1)},
]


def test_mean_and_spread() -> None:
    summary = summarize(RUNS)
    assert summary["mean"]["frechet_distance"] == 3
    assert summary["spread"]["frechet_distance"] == pytest.approx(2**0.5)
    assert (summary["mean"]["recall"], summary["spread"]["recall"]) == (0.5, 0)
    assert summary["mean"]["class_histogram"]["bag"] == pytest.approx(0.1)
    assert summary["mean"].keys() == {"frechet_distance", "recall", "class_histogram"}


def test_a_single_seed_has_no_spread() -> None:
    summary = summarize(RUNS[:1])
    assert summary["mean"]["frechet_distance"] == 2
    assert summary["spread"]["frechet_distance"] is None


def test_table() -> None:
    anchors = {"real": {"frechet_distance": 1.25, "recall": 0.9}}
    assert format_table(summarize(RUNS), anchors).splitlines() == [
        "score                               this model    real",
        "frechet_distance  0 is best    3.000 +/- 1.414   1.250",
        "recall            1 is best  0.5000 +/- 0.0000  0.9000",
    ]
    assert "+/-" not in format_table(summarize(RUNS[:1]), None)


def test_comparison() -> None:
    found = {"real": dict.fromkeys(SCORES, 0.5)}
    shipped = {"real": dict.fromkeys(SCORES, 0.25)}
    table = format_comparison(found, shipped)
    assert table.splitlines()[1].split() == ["frechet_distance", "0", "is", "best", "0.5000", "(0.2500)"]
    assert format_comparison(found, None).splitlines()[1].split()[-1] == "0.5000"
    assert len(table.splitlines()) == 1 + len(SCORES)


def test_numbers_are_short() -> None:
    values = (0, 0.00123456, 0.012, 0.98765, 1, 12.3456, 123.456, 1234.56, -0.5)
    assert [format_number(value) for value in values] == [
        "0.0000", "0.00123", "0.0120", "0.9877", "1.000", "12.35", "123.5", "1235", "-0.5000",
    ]  # fmt: skip


def test_classes_are_in_order() -> None:
    assert format_classes({"bag": 0.25, "coat": 0.75}) == "coat 75.0 %, bag 25.0 %"


def test_columns_are_aligned() -> None:
    assert align([["a", "b", "c"], ["aa", "", "cc"]]) == "a   b   c\naa     cc"
