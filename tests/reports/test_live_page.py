"""The page of a training that has not ended, or was killed."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from conftest import Compose
from report_runs import make_run

from dcgan_lightning.core.locks import LOCK_FILE, locked
from dcgan_lightning.report import report
from dcgan_lightning.reports import Live, gather, render, write_report


def live(**changes: object) -> Live:
    names = ("epoch", "iteration", "seconds", "gen_loss", "disc_loss", "real_accuracy", "fake_accuracy")
    standing = Live(
        epoch=2,
        epochs=4,
        iteration=3,
        iterations=5,
        seconds_left=75.0,
        rate=1234.5,
        warnings=(),
        history={name: np.arange(1.0, 9.0) for name in names},
        written=datetime(2026, 11, 26, 9, 5, 7),
        again=7.4,
    )
    return replace(standing, **changes)  # type: ignore[arg-type]


def test_it_shows_progress_and_leaves_out_what_takes_long(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    page = render(gather(run, "running", live(warnings=("<i>collapses</i>",))))
    assert '<html lang="en" data-state="running">' in page
    assert "<b>40%</b><span>1 min 15 s left</span>" in page
    assert '<progress max="1" value="0.4000"' in page
    assert "Iteration 3 of 5 in epoch 2, 1,234 images/s." in page
    assert "Written at 09:05:07." in page
    assert 'data-again="7"' in page
    assert '<p class="notice">&lt;i&gt;collapses&lt;/i&gt;</p>' in page
    assert '<noscript><meta http-equiv="refresh" content="10"></noscript>' in page
    assert "image/gif" not in page  # the film
    assert 'id="atlas"' not in page


def test_the_ended_trainings_page_follows_nothing(tmp_path: Path) -> None:
    page = write_report(make_run(tmp_path / "run")).read_text()
    assert "location.reload" not in page
    assert "data-state" not in page
    assert 'http-equiv="refresh"' not in page


def test_the_command_tells_a_killed_run_from_one_that_trains(tmp_path: Path, compose_cfg: Compose) -> None:
    run = make_run(tmp_path / "run")

    def page() -> str:
        return report(compose_cfg(f"run={run}", config_name="report")).read_text()

    ended = page()
    with locked(run):
        assert "The training goes on" in page()
    assert page() == ended
    (run / LOCK_FILE).write_text("12345")  # as a killed process leaves it
    killed = page()
    assert "The training was interrupted: its process was killed before its end" in killed
    assert "<code>ckpt_path=last</code> goes on" in killed
    assert page() == killed
    assert (run / LOCK_FILE).read_text() == "12345"


@pytest.mark.parametrize("content", ["", "notes of the user"])
def test_a_file_that_is_no_lock_says_nothing(tmp_path: Path, compose_cfg: Compose, content: str) -> None:
    run = make_run(tmp_path / "run")
    (run / LOCK_FILE).write_text(content)
    assert "interrupted" not in report(compose_cfg(f"run={run}", config_name="report")).read_text()
