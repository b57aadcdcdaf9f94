"""A run that is stopped from outside says how to go on; `test_cases.py` looks at what it leaves."""

import signal
from pathlib import Path

import pytest
from reliability_contenders import OURS
from reliability_faults import wait_until


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["term", "int"]
)
def test_a_signal_saves_and_says_how_to_go_on(tmp_path: Path, number: signal.Signals, code: int) -> None:
    process = OURS.warmed().start(tmp_path, *OURS.synthetic, "trainer.max_epochs=60")
    grid = OURS.run_folder(tmp_path) / "samples" / "sample_epoch_0003_iter_001.png"
    try:
        assert wait_until(grid.exists, process)
        process.send_signal(number)
    finally:
        ended = process.finish(timeout=60)
    assert ended.returncode == code, ended.errors
    assert "Traceback" not in ended.errors
    assert "run_name=run ckpt_path=last trainer.max_epochs=60" in ended.output
    assert OURS.last_checkpoint(tmp_path).exists()
    assert OURS.film(tmp_path).exists()


@pytest.mark.parametrize(("action", "code"), [("sigterm", 143), ("sigint", 130)])
def test_a_signal_ends_the_whole_sweep(tmp_path: Path, action: str, code: int) -> None:
    faults = {"at": [0, 2], "point": "batch_start", "action": action}
    overrides = ("-m", *OURS.synthetic, "run_name=sweep", "seed=0,1")
    ended = OURS.warmed().run(tmp_path, *overrides, faults=faults)
    assert ended.returncode == code, ended.errors
    assert "Traceback" not in ended.errors
    sweep = tmp_path / "outputs" / "sweep"
    assert (sweep / "0" / "checkpoints" / "last.ckpt").exists()
    assert not (sweep / "1").exists()
