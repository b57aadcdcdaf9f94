"""Training stopped at many places and gone on with: always the run that was never stopped."""

import os
from pathlib import Path

import pytest
from reliability_interruptions import REAL, SYNTHETIC, all_places, interruptions, some_places

LONG = os.environ.get("RELIABILITY_LONG") == "1"


def test_the_long_form_tries_every_place() -> None:
    places = all_places()
    assert len(set(places)) == len(places) == 76
    assert set(some_places()) <= set(places)


@pytest.mark.parametrize("fast_paths", ["true", "false"])
def test_stopped_anywhere(tmp_path: Path, fast_paths: str) -> None:
    overrides = (*(REAL if LONG else SYNTHETIC), f"model.fast_paths={fast_paths}")
    outcome = interruptions(tmp_path, overrides, all_places() if LONG else some_places(), LONG)
    assert outcome.passed, "\n".join(outcome.notes)
    assert len(outcome.figures["kill_points"]) >= (100 if LONG else 12)
