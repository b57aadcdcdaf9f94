"""Several processes with each callback and with all of them: they end, stop and go on together."""

import os
from pathlib import Path

import pytest
from reliability_contenders import OURS

LONG = os.environ.get("RELIABILITY_LONG") == "1"
SMALL = (
    "experiment=smoke", "run_name=run", "trainer=ddp_cpu", "logger=none", "report=false",
    "model.fast_paths=true", "data.count=145",  # the processes cannot share them all
)  # fmt: skip
SCORES = "callbacks.scores.count=129"
# By the callbacks beside the checkpoints.
SELECTIONS = {
    "averaged_generator": (),
    "collapse": (),
    "history": (),
    "progress": (),
    "sample_grid": (),
    "sample_grid,film": (),
    "scores": (SCORES,),
    "averaged_generator,collapse,film,history,progress,sample_grid,scores": (
        SCORES, "callbacks.sample_grid.averaged=true", "callbacks.history.background=true",
    ),
}  # fmt: skip
ALL = [*SELECTIONS][-1]
CASES = [(name, 2) for name in SELECTIONS] + [(ALL, 4)] if LONG else [(ALL, 2)]
ENDS_WITHIN = 60.0  # seconds from the start of a run that fails; 30 of them in the collective operation


@pytest.mark.parametrize(("selection", "processes"), CASES)
def test_stopped_together_and_gone_on_with(tmp_path: Path, selection: str, processes: int) -> None:
    overrides = (*SMALL, f"callbacks=[checkpoint,{selection}]", *SELECTIONS[selection])
    overrides += (f"trainer.devices={processes}",)
    unbroken, stopped = tmp_path / "unbroken", tmp_path / "stopped"
    for folder in (unbroken, stopped):
        folder.mkdir()
    ours = OURS.warmed()
    ended = ours.run(unbroken, *overrides, timeout=200)
    assert ended.returncode == 0, ended.errors
    strike = {"at": [1, 2], "point": "between", "action": "sigterm", "rank": processes - 1}
    ended = ours.run(stopped, *overrides, faults=strike, timeout=200)
    assert ended.returncode == 143, ended.errors
    assert "Traceback" not in ended.errors
    ended = ours.run(stopped, *overrides, *OURS.go_on, timeout=200)
    assert ended.returncode == 0, ended.errors
    assert "resuming after epoch 2, iteration 3 of " in ended.output
    assert OURS.digest(stopped) == OURS.digest(unbroken)


def test_a_refusal_of_all_processes_is_said_once(tmp_path: Path) -> None:
    needs_a_logger = "{_target_:pytorch_lightning.callbacks.LearningRateMonitor,logging_interval:step}"
    overrides = (*SMALL, "callbacks=[checkpoint]", f"+callbacks.rates={needs_a_logger}")
    ended = OURS.warmed().run(tmp_path, *overrides, timeout=120)
    assert ended.returncode == 1
    (line,) = ended.error_lines
    assert line.startswith("error: callbacks.rates: ")
    assert not OURS.run_folder(tmp_path).exists()


@pytest.mark.skipif(not LONG, reason="takes minutes: make reliability")
@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize("action", ["exchange_alone", "save_alone"])
def test_what_one_process_does_alone_ends_the_job(tmp_path: Path, action: str, rank: int) -> None:
    faults = {"at": [1, 0], "point": "epoch_end", "action": action, "rank": rank}
    ended = OURS.warmed().run(tmp_path, *SMALL, "callbacks=[checkpoint]", faults=faults, timeout=120)
    assert ended.returncode not in (0, 143)
    assert ended.seconds < ENDS_WITHIN
    reason = "a callback exchanges values in one process only"
    reason = "the processes wait for each other at different points" if action == "save_alone" else reason
    assert ended.errors.count(reason) == 1, ended.errors
    assert "Traceback" not in ended.errors


@pytest.mark.skipif(not LONG, reason="takes minutes: make reliability")
@pytest.mark.parametrize("rank", [0, 1])
def test_long_work_of_one_process_ends_nothing(tmp_path: Path, rank: int) -> None:
    faults = {"at": [0, 2], "point": "batch_end", "action": "work_alone", "rank": rank}
    ended = OURS.warmed().run(tmp_path, *SMALL, "callbacks=[checkpoint]", faults=faults, timeout=200)
    assert ended.returncode == 0, ended.errors
    assert ended.seconds > 35
