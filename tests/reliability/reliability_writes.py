"""Killed between two writes: case F17. What an epoch's end still owed is written when the run goes on."""

import functools
import tempfile
from pathlib import Path

from reliability_contenders import Contender, Outcome, difference
from reliability_faults import EPOCHS, ITERATIONS, attempt

MOST = 20  # renames from the last iteration on; none of the programs has as many


def state(contender: Contender, folder: Path) -> dict[str, str]:
    """Return the run's digest, and the names of its checkpoints."""
    names = [path.name for path in contender.last_checkpoint(folder).parent.glob("*.ckpt")]
    return contender.digest(folder) | {f"file {name}": "" for name in names}


@functools.cache
def unbroken_state(contender: Contender, *overrides: str) -> dict[str, str]:
    """Return what an undisturbed run leaves (each is made once)."""
    with tempfile.TemporaryDirectory() as name:
        ended = contender.run(Path(name), *overrides)
        assert ended.returncode == 0, ended.errors
        return state(contender, Path(name))


def f17(contender: Contender, folder: Path, long: bool) -> Outcome:
    """SIGKILL before each rename of the last iteration, the last epoch's end and the film"""
    outcome = Outcome()
    contender = contender.warmed()
    for number in range(MOST) if long else (0, 3, 4, 5):
        place = folder / f"{number}"
        place.mkdir()
        small = contender.small(place)
        strike = {"at": [EPOCHS - 1, ITERATIONS - 1], "point": "batch_start", "action": "kill_at_rename"}
        ended = contender.run(place, *small, faults=strike | {"number": number})
        if ended.returncode == 0:
            break  # it has fewer renames
        with attempt(outcome, f"killed before rename {number}") as checks:
            checks.check(ended.returncode == -9, f"the kill did not strike: {ended.returncode}")
            ended = contender.run(place, *small, *contender.go_on)
            checks.check(ended.returncode == 0, f"going on ended with {ended.returncode}")
            found = difference(unbroken_state(contender, *contender.small(folder)), state(contender, place))
            checks.check(not found, f"not the unbroken run: {found}")
            checks.count("kill_points")
            checks.count("bitwise_equal", not found)
    return outcome
