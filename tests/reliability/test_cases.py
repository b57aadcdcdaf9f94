"""Every reliability case in its short form; `report.py` has the long one and the comparison."""

import subprocess
import sys
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


def test_the_report_runs_as_a_script(tmp_path: Path) -> None:
    command = [sys.executable, str(Path(__file__).with_name("report.py")), "--only", "none"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stderr
    assert "\n| F1 | " in result.stdout
