"""Recipes that are stopped and killed are the recipes that were never stopped, averages included."""

import os
from pathlib import Path

import pytest
from reliability_recipes import RECIPES, kill_recipe, stop_recipe

LONG = os.environ.get("RELIABILITY_LONG") == "1"


@pytest.mark.parametrize("name", RECIPES if LONG else ["first_look", "first_look_with_all_parts"])
def test_stopped_anywhere(tmp_path: Path, name: str) -> None:
    outcome = stop_recipe(tmp_path, name, LONG)
    assert outcome.passed, "\n".join(outcome.notes)
    assert len(outcome.figures["kill_points"]) >= (30 if LONG else 6)


@pytest.mark.parametrize("name", RECIPES if LONG else ["first_look"])
def test_killed_at_random(tmp_path: Path, name: str) -> None:
    outcome = kill_recipe(tmp_path, name, LONG)
    assert outcome.passed, "\n".join(outcome.notes)
