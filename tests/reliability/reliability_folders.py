"""Whole folders: an export that is replaced, a run that is deleted under its process. Cases F18 and F19."""

import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

from reliability_contenders import FAULTS, Contender, Outcome, files_below, problem_with_answer
from reliability_faults import attempt, check_same, small_disk, unbroken, wait_until
from reliability_processes import HERE, ColdProcess, Finished, Process, WarmProcess, environment

MOST = 20  # renames of an export; it has fewer
BETWEEN = 5  # renames before the new folder takes its place: those of four files and of the old folder


def export(folder: Path, warm: bool, *overrides: str, **fault: Any) -> Finished:
    """Export the run of a folder, with a fault of ``faults/faults_plugin.py`` if one is given."""
    argv = ["-m", "dcgan_lightning.export", "ckpt_path=outputs/run", *overrides]
    faults = {"RELIABILITY_FAULTS": json.dumps({"point": "start"} | fault)} if fault else {}
    variables = environment(str(FAULTS), str(HERE / "faults_at_start")) | faults
    if warm:
        return WarmProcess(argv, folder, variables).finish()
    return ColdProcess([sys.executable, *argv], cwd=folder, env=variables).finish()


def check_export(checks: Outcome, folder: Path, warm: bool, number: int) -> bool:
    """Kill an export before a rename and fail the next one on a full disk; return whether the kill struck."""
    exports = folder / f"exports {number}"
    target, filler = exports / "mine", exports / "filler"
    where, half = f"output_dir='{target}'", "half=true"
    with small_disk(exports, 8) as mounted:
        good = [export(folder, warm, where, half).returncode, export(folder, warm, where).returncode]
        checks.check(good == [0, 0], f"undisturbed exports ended with {good}")
        old = files_below(target)
        killed = export(folder, warm, where, half, action="kill_at_rename", number=number).returncode
        checks.check(killed in (-9, 0), f"the kill did not strike: {killed}")
        checks.check(number != BETWEEN or not target.exists(), "the kill was not between the two renames")
        room = {"filler": str(filler), "spare": 0} if mounted else {"limit_bytes": 0}
        failed = export(folder, warm and mounted, where, action="full_disk", **room)
        # What a kill after the second of them has left is removed first, which can make room.
        codes = (0, 1) if number > BETWEEN else (1,)
        checks.check(failed.returncode in codes, f"an export on a full disk ended with {failed.returncode}")
        filler.unlink(missing_ok=True)
        left = sorted(path.name for path in exports.iterdir())
        checks.check(left == ["mine"], f"left: {left}")
        found = files_below(target) if target.is_dir() else {}
        is_old = failed.returncode == 0 or (killed != 0 and number <= BETWEEN)
        is_kept = found == old if is_old else found != old and found.keys() == old.keys()
        checks.check(is_kept, f"the export is not whole: {sorted(found)}")
        checks.count("bytes_lost", 0 if is_kept else 1)
    return killed != 0


def f18(contender: Contender, folder: Path, long: bool) -> Outcome:
    """SIGKILL before each rename of an export that replaces another one, then an export on a full disk"""
    outcome = Outcome()
    ended = contender.warmed(not long).run(folder, *contender.small(folder), "trainer.max_epochs=1")
    assert ended.returncode == 0, ended.errors
    for number in range(MOST) if long else (BETWEEN,):
        with attempt(outcome, f"killed before rename {number}", faults=2) as checks:
            has_struck = check_export(checks, folder, not long, number)
        if not has_struck:
            break
    return outcome


def f19(contender: Contender, folder: Path, long: bool) -> Outcome:
    """A stopped run's folder is deleted, another run starts under its name, and the first one continues"""
    outcome = Outcome()
    contender = contender.warmed(not long)
    small, run = contender.small(folder), contender.run_folder(folder)
    marks = {name: (folder / f"{name} here", folder / f"{name} until") for name in ("first", "second")}

    def start(name: str) -> Process:
        here, until = map(str, marks[name])
        strike = {"at": [1, 0], "point": "batch_start", "action": "wait", "here": here, "until": until}
        return contender.start(folder, *small, faults=strike)

    with attempt(outcome, "deleted and begun again") as checks:
        first = start("first")
        checks.check(
            wait_until(marks["first"][0].exists, first), "the first run did not get to its second epoch"
        )
        os.kill(first.pid, signal.SIGSTOP)
        shutil.rmtree(run)
        second = start("second")
        checks.check(wait_until(marks["second"][0].exists, second), "the second run did not start")
        before = files_below(run)
        marks["first"][1].touch()
        os.kill(first.pid, signal.SIGCONT)
        ended = first.finish()
        problem = problem_with_answer(contender, ended, str(run))
        checks.check(
            not problem and ended.returncode == 1, f"the first run: {problem}, exit {ended.returncode}"
        )
        checks.check(files_below(run) == before, "the first run wrote into the second one's folder")
        third = contender.run(folder, *small, *contender.go_on)
        problem = problem_with_answer(contender, third, str(second.pid))
        checks.check(not problem, f"a third run beside the second: {problem}")
        marks["second"][1].touch()
        checks.check(second.finish().returncode == 0, "the second run did not end well")
        check_same(checks, contender, folder, unbroken(contender, *small))
    return outcome
