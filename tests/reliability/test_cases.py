"""Every reliability case in its short form; `report.py` has the long one and the comparison."""

from pathlib import Path

import pytest
from reliability_cases import Case, all_cases
from reliability_contenders import OURS

CASES = all_cases()


def test_none_is_missing() -> None:
    assert list(CASES) == [
        *(f"F{number}" for number in range(1, 20)),
        *(f"B{number}" for number in range(1, 10)),
    ]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_case(case: Case, tmp_path: Path) -> None:
    outcome = case(OURS, tmp_path, False)
    assert outcome.passed, "\n".join(outcome.notes) or "nothing was tried"
