"""A folder of pictures goes all the way although it is killed; the long form is a case of `report.py`."""

from pathlib import Path

from reliability_contenders import OURS
from reliability_pictures import run_pictures


def test_killed_on_the_way_from_pictures_to_the_report(tmp_path: Path) -> None:
    outcome = run_pictures(OURS, tmp_path, False)
    assert outcome.passed, "\n".join(outcome.notes)
    assert sum(outcome.figures["faults_survived"]) >= 2
