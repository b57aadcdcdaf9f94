"""What can happen to a run: cases F1 to F16. Each does it to a real process and looks at what is left."""

import contextlib
import ctypes
import functools
import http.server
import os
import random
import re
import shutil
import subprocess
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from reliability_contenders import (
    Contender,
    Outcome,
    difference,
    files_below,
    problem_with_answer,
)
from reliability_processes import Finished, Process

EVERY_TWO = "callbacks.checkpoint.every_n_iterations=2"
EPOCHS, ITERATIONS = 3, 6  # of the small run
MIDDLE = {"at": [1, 2], "point": "batch_start"}
ENDS_WITHIN = 30  # seconds, for a process whose partner died


@dataclass(frozen=True)
class Unbroken:
    """A run that nothing happened to."""

    digest: dict[str, str]
    checkpoint_bytes: int


@functools.cache
def unbroken(contender: Contender, *overrides: str) -> Unbroken:
    """Return what an undisturbed run leaves (each is made once)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        finished = contender.run(folder, *overrides)
        assert finished.returncode == 0, finished.errors
        return Unbroken(contender.digest(folder), contender.last_checkpoint(folder).stat().st_size)


@contextlib.contextmanager
def attempt(outcome: Outcome, what: str, faults: int = 1) -> Iterator[Outcome]:
    """Make one try of all that is checked in the block: it is good if everything in it is."""
    checks = Outcome(figures=outcome.figures)
    yield checks
    outcome.check(checks.passed, f"{what}: {'; '.join(checks.notes) or 'nothing was checked'}")
    outcome.count("faults_injected", faults)
    outcome.count("faults_survived", faults if checks.passed else 0)


def check_same(
    outcome: Outcome, contender: Contender, folder: Path, expected: Unbroken, points: int = 0
) -> None:
    """Check that a run, which was stopped at so many points, has become the unbroken one, to the bit."""
    try:
        found = difference(expected.digest, contender.digest(folder))
    except Exception as error:  # what torch raises on a damaged file is not a closed list
        found = f"a checkpoint that cannot be read ({type(error).__name__})"
    outcome.check(not found, f"not the unbroken run: {found}")
    outcome.count("kill_points", points)
    outcome.count("bitwise_equal", 0 if found else points)


def check_goes_on(
    outcome: Outcome,
    contender: Contender,
    folder: Path,
    overrides: tuple[str, ...] = (),
    expected: Unbroken | None = None,
    points: int = 1,
    **options: Any,
) -> Finished:
    """Go on to the end and check that the run has become the unbroken one."""
    overrides = overrides or contender.small(folder)
    finished = contender.run(folder, *overrides, *contender.go_on, **options)
    last_words = " ".join(finished.error_lines[-1:])[:200]
    outcome.check(finished.returncode == 0, f"going on ended with {finished.returncode}: {last_words}")
    check_same(outcome, contender, folder, expected or unbroken(contender, *overrides), points)
    return finished


def check_last_is_good(outcome: Outcome, contender: Contender, folder: Path, epochs: range) -> None:
    """Check that the last checkpoint loads, is finite and has as many finished epochs as it should."""
    try:
        checkpoint = contender.load(folder)
        done = checkpoint["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"]
        finite = all(bool(torch.isfinite(value).all()) for value in checkpoint["state_dict"].values())
        problem = "" if finite and done in epochs else f"holds {done} epochs, finite weights: {finite}"
    except Exception as error:  # what torch raises on a damaged file is not a closed list
        problem = f"cannot be read ({type(error).__name__})"
    outcome.check(not problem, f"{contender.last_checkpoint(folder).name} {problem}")
    size = unbroken(contender, *contender.small(folder)).checkpoint_bytes
    outcome.count("bytes_lost", size if problem else 0)


def check_no_temporaries(outcome: Outcome, contender: Contender, folder: Path) -> None:
    """Check that no temporary file is left."""
    left = [
        path.name
        for pattern in (".dcgan-lightning-*", ".tmp-*")
        for path in contender.run_folder(folder).rglob(pattern)
    ]
    outcome.check(not left, f"{left} left")


def count_refusal(outcome: Outcome, ended: Finished) -> None:
    """Keep how long a refusal took."""
    if ended.returncode != 0:
        outcome.count("seconds_to_refusal", ended.seconds)


def wait_until(condition: Callable[[], bool], process: Process | None = None, seconds: float = 120) -> bool:
    """Wait for a condition; give up when the process has ended or after a while."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline or (process is not None and process.poll() is not None):
            return condition()
        time.sleep(0.01)
    return True


def read_trace(path: Path) -> list[str]:
    """Return the iterations that were started, as "epoch batch" from 0."""
    return path.read_text().splitlines() if path.is_file() else []


# F1, F2: killed at random moments


@dataclass(frozen=True)
class Killing:
    """A run that is to be killed.

    Attributes:
        overrides: Of the run.
        iterations: How many it has in all.
        most_repeated: How many iterations a kill may cost, where there is such a promise.
    """

    overrides: tuple[str, ...]
    iterations: int = EPOCHS * ITERATIONS
    most_repeated: int | None = None


def kill_at_random(outcome: Outcome, contender: Contender, folder: Path, killing: Killing, seed: int) -> None:
    """Kill a run up to three times, going on each time, and compare it with the unbroken one at the end."""
    unbroken(contender, *killing.overrides)
    folder.mkdir()
    trace = folder / "trace.txt"
    options = {"faults": {"trace": str(trace)}}
    with attempt(outcome, f"seed {seed}", faults=0) as checks:
        ends = kill_sessions(checks, contender, folder, killing, seed)
        points = len(ends)
        check_goes_on(checks, contender, folder, killing.overrides, points=points, **options)
        check_no_temporaries(checks, contender, folder)
        lines = read_trace(trace)
        sessions = zip(ends, [*ends[1:], len(lines)], strict=True)
        repeated = [len(set(lines[start:end]) & set(lines[:start])) for start, end in sessions]
        if killing.most_repeated is not None:
            worst = max(repeated)
            checks.check(worst <= killing.most_repeated, f"{worst} iterations repeated after a kill")
            for number in repeated:
                outcome.count("iterations_repeated_after_kill", number)
    outcome.count("faults_injected", points)
    outcome.count("faults_survived", points if checks.passed else 0)


def kill_sessions(
    checks: Outcome, contender: Contender, folder: Path, killing: Killing, seed: int
) -> list[int]:
    """Start a run three times and kill it each time; stop if it is complete before its kill.

    The first kill strikes in training. The moments of the others are drawn between the start of the process
    and the time when it would end, so some fall into its start-up.

    Returns:
        How many iterations had been started when each session was killed.
    """
    moments = random.Random(seed)
    trace = folder / "trace.txt"
    ends: list[int] = []
    until_training = each = 0.0
    while len(ends) < 3:
        process = contender.start(folder, *killing.overrides, *contender.go_on, faults={"trace": str(trace)})
        if not ends:
            until_training, each = measure(process, trace, moments.randint(3, killing.iterations - 2))
            time.sleep(moments.uniform(0, each))
        else:
            left = killing.iterations - len(set(read_trace(trace)))
            time.sleep(moments.uniform(0, until_training + each * left))
        process.kill()
        code = process.finish().returncode
        if code == 0 and ends:
            break
        checks.check(code == -9, f"ended with {code} before its kill")
        ends.append(len(read_trace(trace)))
    return ends


def measure(process: Process, trace: Path, count: int) -> tuple[float, float]:
    """Wait until a run has started so many iterations; return the seconds before the first and for each."""
    wait_until(lambda: len(read_trace(trace)) > 0, process)
    until_training = time.monotonic() - process.started
    wait_until(lambda: len(read_trace(trace)) >= count, process)
    return until_training, (time.monotonic() - process.started - until_training) / (count - 1)


def kill_often(outcome: Outcome, contender: Contender, folder: Path, killing: Killing, kills: int) -> None:
    """Kill one run after the other until there are enough kills."""
    for seed in range(20):
        if sum(outcome.figures.get("faults_injected", [])) < kills:
            kill_at_random(outcome, contender, folder / f"{seed}", killing, seed)


def f1(contender: Contender, folder: Path, long: bool) -> Outcome:
    """SIGKILL at random moments, a checkpoint after each epoch"""
    outcome = Outcome()
    contender = contender.warmed(not long)
    kill_often(outcome, contender, folder, Killing(contender.small(folder)), 10 if long else 3)
    if long:
        kill_at_random(outcome, contender, folder / "full", Killing(contender.full(folder), 6), 100)
    return outcome


def f2(contender: Contender, folder: Path, long: bool) -> Outcome:
    """SIGKILL at random moments, a checkpoint every 2 iterations"""
    outcome = Outcome()
    killing = Killing((*contender.small(folder), EVERY_TWO), most_repeated=3)
    kill_often(outcome, contender.warmed(not long), folder, killing, 10 if long else 3)
    return outcome


# F3 to F5: the disk


@contextlib.contextmanager
def other_file_system(folder: Path) -> Iterator[Path]:
    """Yield an empty folder, in memory where that can be had and is not where the run's folder is."""
    memory = Path("/dev/shm")
    usable = os.access(memory, os.W_OK) and memory.stat().st_dev != folder.stat().st_dev
    with tempfile.TemporaryDirectory(dir=memory if usable else folder) as name:
        yield Path(name)


@contextlib.contextmanager
def small_disk(path: Path, megabytes: int) -> Iterator[bool]:
    """Yield whether a disk of its own could be mounted there, which needs root."""
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(path)]
    mounted = (
        shutil.which("mount") is not None and subprocess.run(command, capture_output=True).returncode == 0
    )
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", str(path)], check=True)


def f3(contender: Contender, folder: Path, long: bool) -> Outcome:
    """SIGKILL in the middle of writing a checkpoint, TMPDIR on another file system"""
    outcome = Outcome()
    contender = contender.warmed(not long)
    for name in ("last.ckpt", ".ckpt") if long else ("last.ckpt",):
        place = folder / f"x{name}"
        place.mkdir()
        strike = {"at": [1, 0], "point": "epoch_end", "action": "kill_in_write", "file": name}
        with other_file_system(folder) as temporary, attempt(outcome, name) as checks:
            environment = {"TMPDIR": str(temporary)}
            ended = contender.run(place, *contender.small(place), env=environment, faults=strike)
            checks.check(ended.returncode == -9, f"the kill did not strike: {ended.returncode}")
            check_last_is_good(checks, contender, place, range(1, 3))
            check_goes_on(checks, contender, place, env=environment)
            check_no_temporaries(checks, contender, place)
    return outcome


def check_full_disk(outcome: Outcome, contender: Contender, folder: Path, share: float) -> None:
    """Fill the disk up to a share of a checkpoint's size, then free it and go on."""
    folder.mkdir()
    small = contender.small(folder)
    expected = unbroken(contender, *small)
    if contender.name == "ours":
        small += ("callbacks.checkpoint.every_n_epochs=5",)  # so that last.ckpt is the first that has no room
    spare = int(expected.checkpoint_bytes * share)
    filler = folder / "outputs" / "filler"
    strike: dict[str, Any] = {"at": [1, 0], "point": "epoch_end", "action": "full_disk", "spare": spare}
    with (
        small_disk(folder / "outputs", 8) as mounted,
        attempt(outcome, f"room for {share:.0%} of a checkpoint") as checks,
    ):
        if not mounted:
            contender = contender.warmed(False)  # which would not be allowed to write what it prints
        strike |= {"filler": str(filler)} if mounted else {"limit_bytes": spare}
        ended = contender.run(folder, *small, faults=strike)
        problem = problem_with_answer(contender, ended, str(folder / "outputs" / "run"))
        if not re.search(r"[\d,]+ bytes needed, [\d,]+ free", ended.errors):
            problem = problem or "neither the bytes needed nor the free ones are named"
        checks.check(not problem and ended.returncode == 1, f"{problem}, exit {ended.returncode}")
        check_last_is_good(checks, contender, folder, range(1, 2))
        check_no_temporaries(checks, contender, folder)
        filler.unlink(missing_ok=True)
        check_goes_on(checks, contender, folder, small, expected)


def f4(contender: Contender, folder: Path, long: bool) -> Outcome:
    """The disk is full at the second epoch: for everything, or only for the checkpoint"""
    outcome = Outcome()
    for number, share in enumerate((0.0, 0.5)):
        check_full_disk(outcome, contender.warmed(not long), folder / f"{number}", share)
    return outcome


def without_override() -> None:
    """Make root heed permissions, from the program's start on; anyone else does so in any case."""
    if os.geteuid() == 0:
        drop_from_bounding_set, override, read_search = 24, 1, 2  # PR_CAPBSET_DROP, CAP_DAC_...
        for capability in (override, read_search):
            if LIBC.prctl(drop_from_bounding_set, capability, 0, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "prctl")


LIBC = ctypes.CDLL(None, use_errno=True)


def check_refused_at_once(
    outcome: Outcome, contender: Contender, folder: Path, what: str, token: str, *overrides: str
) -> None:
    """Check that a run is refused in one line before its first iteration."""
    trace = folder / f"trace of {what}.txt"
    with attempt(outcome, what) as checks:
        ended = contender.run(
            folder,
            *contender.small(folder),
            *overrides,
            faults={"trace": str(trace)},
            prepare=without_override,
        )
        problem = problem_with_answer(contender, ended, token)
        checks.check(not problem and ended.returncode == 1, f"{problem}, exit {ended.returncode}")
        checks.check(not read_trace(trace), f"{len(read_trace(trace))} iterations were trained")
        count_refusal(outcome, ended)


def f5(contender: Contender, folder: Path, long: bool) -> Outcome:
    """The run's folder cannot be written: no permission, read-only file system"""
    outcome = Outcome()
    contender = contender.warmed(False)  # permissions can be taken from a new program only
    for what, locked in (("no permission above", "outputs"), ("no permission", "outputs/run")):
        place = folder / what
        (place / locked).mkdir(parents=True)
        (place / locked).chmod(0o555)
        check_refused_at_once(outcome, contender, place, what, "outputs/run")
        if (place / locked).exists():  # a folder that stayed empty may have been removed
            (place / locked).chmod(0o755)
    what = "read-only"
    (folder / what).mkdir()
    with small_disk(folder / what / "outputs", 1) as mounted:
        if mounted:
            subprocess.run(["mount", "-o", "remount,ro", str(folder / what / "outputs")], check=True)
            check_refused_at_once(outcome, contender, folder / what, what, "outputs/run")
        else:  # the kernel's own folder takes no files from anyone
            check_refused_at_once(
                outcome, contender, folder / what, what, "/sys/run", "hydra.run.dir=/sys/run"
            )
    return outcome


# F6, F7: asked to stop


def check_stopped(outcome: Outcome, contender: Contender, folder: Path, action: str, code: int) -> None:
    """Let a run be stopped in the middle of an epoch and go on."""
    folder.mkdir()
    trace = folder / "trace.txt"
    with attempt(outcome, action) as checks:
        strike = {**MIDDLE, "action": action, "trace": str(trace)}
        ended = contender.run(folder, *contender.small(folder), faults=strike)
        checks.check(ended.returncode == code, f"exit code {ended.returncode}, not {code}")
        checks.check("Traceback" not in ended.errors, "traceback")
        before = read_trace(trace)
        checks.check(before[-1:] == ["1 2"], f"trained on until {before[-1:]}")
        check_goes_on(checks, contender, folder, faults={"trace": str(trace)})
        repeated = len(set(before) & set(read_trace(trace)[len(before) :]))
        if action != "sigint_twice":  # which stops at once: the epoch has to be repeated
            checks.check(repeated == 0, f"{repeated} iterations repeated")
        if action == "sigterm":
            outcome.count("iterations_repeated_after_sigterm", repeated)


def f6(contender: Contender, folder: Path, long: bool) -> Outcome:
    """SIGTERM in the middle of an epoch"""
    outcome = Outcome()
    check_stopped(outcome, contender.warmed(not long), folder / "run", "sigterm", 143)
    return outcome


def f7(contender: Contender, folder: Path, long: bool) -> Outcome:
    """Ctrl-C in the middle of an epoch, once and twice"""
    outcome = Outcome()
    for action in ("sigint", "sigint_twice"):
        check_stopped(outcome, contender.warmed(not long), folder / action, action, 130)
    return outcome


# F8, F9: damaged checkpoints


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def empty(path: Path) -> None:
    os.truncate(path, 0)


def make_text(path: Path) -> None:
    path.write_text("the checkpoint is in the other folder\n" * 100)


def make_html(path: Path) -> None:
    path.write_text("<!DOCTYPE html><html><body>404 Not Found</body></html>\n")


def flip_bit(path: Path) -> None:
    """Change one bit in the middle of the largest tensor."""
    with zipfile.ZipFile(path) as archive:
        tensors = [record for record in archive.infolist() if "/data/" in record.filename]
        record = max(tensors, key=lambda record: record.file_size)
    data = bytearray(path.read_bytes())
    header = data[record.header_offset : record.header_offset + 30]
    lengths = int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little")
    data[record.header_offset + 30 + lengths + record.file_size // 2] ^= 0b100
    path.write_bytes(data)


def check_damaged(
    outcome: Outcome, contender: Contender, folder: Path, damages: dict[Callable[[Path], None], bool]
) -> None:
    """Damage the last checkpoint of a run of two epochs in several ways and want a third.

    Args:
        outcome: Takes the checks.
        contender: Who does it.
        folder: Where.
        damages: What is done to the file, and whether ``ckpt_path=last`` is tried too, not only its name.
    """
    outputs, kept = folder / "outputs", folder / "kept"
    small = contender.small(folder)
    ended = contender.run(folder, *small, "trainer.max_epochs=2")
    assert ended.returncode == 0, ended.errors
    outputs.rename(kept)
    for damage, goes_on in damages.items():
        shutil.copytree(kept, outputs, symlinks=True)
        last = contender.last_checkpoint(folder)
        damage(last)
        before = files_below(outputs)
        with attempt(outcome, f"{damage.__name__}, by name") as checks:
            ended = contender.run(folder, *small, f"ckpt_path={last}")
            problem = problem_with_answer(contender, ended, last.name)
            checks.check(not problem, problem)
            checks.check(files_below(outputs) == before, "files were changed")
        if goes_on:
            shutil.rmtree(outputs)
            shutil.copytree(kept, outputs, symlinks=True)
            damage(contender.last_checkpoint(folder))
            check_goes_on_after_damage(outcome, contender, folder, damage.__name__)
        shutil.rmtree(outputs)


def check_goes_on_after_damage(outcome: Outcome, contender: Contender, folder: Path, what: str) -> None:
    """Check that ckpt_path=last passes the damaged file over, says so, and takes the newest good one."""
    trace = folder / f"trace of {what}.txt"
    small = contender.small(folder)
    with attempt(outcome, f"{what}, last") as checks:
        ended = contender.run(folder, *small, "ckpt_path=last", faults={"trace": str(trace)})
        problem = "" if ended.returncode == 0 else f"exit code {ended.returncode}"
        if "last.ckpt" not in ended.output + ended.errors:
            problem = problem or "the damaged file is not named"
        if len(read_trace(trace)) != ITERATIONS:
            problem = problem or f"{len(read_trace(trace))} iterations instead of one epoch's"
        checks.check(not problem, problem)
        check_same(checks, contender, folder, unbroken(contender, *small))


def f8(contender: Contender, folder: Path, long: bool) -> Outcome:
    """last.ckpt is truncated, empty, text or a web page"""
    outcome = Outcome()
    damages = {truncate: True, empty: long, make_text: long, make_html: True}
    check_damaged(outcome, contender.warmed(not long), folder, damages)
    return outcome


def f9(contender: Contender, folder: Path, long: bool) -> Outcome:
    """One bit of last.ckpt is flipped"""
    outcome = Outcome()
    check_damaged(outcome, contender.warmed(not long), folder, {flip_bit: True})
    return outcome


# F10, F11: twice, one after the other and at the same time


def f10(contender: Contender, folder: Path, long: bool) -> Outcome:
    """Killed between the last epoch and the film; then started again, and a third time"""
    outcome = Outcome()
    contender = contender.warmed(not long)
    trace = folder / "trace.txt"
    with attempt(outcome, "killed before the film") as checks:
        strike = {"point": "train_end", "action": "sigkill", "trace": str(trace)}
        ended = contender.run(folder, *contender.small(folder), faults=strike)
        checks.check(ended.returncode == -9, f"the kill did not strike: {ended.returncode}")
        checks.check(not contender.film(folder).exists(), "the film was there before the kill")
        check_goes_on(checks, contender, folder, faults={"trace": str(trace)})
        before = files_below(folder)
        third = contender.run(
            folder, *contender.small(folder), *contender.go_on, faults={"trace": str(trace)}
        )
        checks.check(third.returncode == 0, f"third run: exit code {third.returncode}")
        changed = difference(before, files_below(folder))
        checks.check(not changed, f"the third run changed {changed}")
        iterations = len(read_trace(trace))
        checks.check(iterations == EPOCHS * ITERATIONS, f"{iterations} iterations were trained in all")
    return outcome


def f11(contender: Contender, folder: Path, long: bool) -> Outcome:
    """A second process wants the same run folder"""
    outcome = Outcome()
    contender = contender.warmed(not long)
    small = contender.small(folder)
    here, until = folder / "here", folder / "until"
    strike = {"at": [1, 0], "point": "batch_start", "action": "wait", "here": str(here), "until": str(until)}
    with attempt(outcome, "two processes") as checks:
        first = contender.start(folder, *small, faults=strike)
        try:
            checks.check(wait_until(here.exists, first), "the first process did not get to its second epoch")
            second = contender.run(folder, *small, *contender.go_on)
        finally:
            until.touch()
            ended = first.finish()
        problem = problem_with_answer(contender, second, str(first.pid))
        checks.check(not problem, f"the second process: {problem}")
        count_refusal(outcome, second)
        checks.check(ended.returncode == 0, f"the first process: exit code {ended.returncode}")
        check_same(checks, contender, folder, unbroken(contender, *small))
    return outcome


# F12, F13: hostile checkpoints and names


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return open, (str(self.marker), "w")


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """Yield the address of a local web server that offers a folder."""
    handler = functools.partial(_QuietHandler, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def f12(contender: Contender, folder: Path, long: bool) -> Outcome:
    """A checkpoint that runs code when it is loaded, as a file and from a web server"""
    outcome = Outcome()
    contender = contender.warmed(not long)
    small = contender.small(folder)
    maker = folder / "maker"
    maker.mkdir()
    ended = contender.run(maker, *small, "trainer.max_epochs=1")
    assert ended.returncode == 0, ended.errors
    marker = folder / "the payload was run"
    shared = folder / "shared"
    shared.mkdir()
    torch.save(contender.load(maker) | {"extra": Payload(marker)}, shared / "bad.ckpt")
    with served(shared) as address:
        for source in (shared / "bad.ckpt", f"{address}/bad.ckpt"):
            with attempt(outcome, str(source)) as checks:
                ended = contender.run(folder, *small, f"ckpt_path={source}", env={"no_proxy": "127.0.0.1"})
                problem = problem_with_answer(contender, ended, "bad.ckpt")
                checks.check(not problem, problem)
                checks.check(not marker.exists(), "the payload was run")
                count_refusal(outcome, ended)
            marker.unlink(missing_ok=True)
            shutil.rmtree(folder / "outputs", ignore_errors=True)
    return outcome


def point_outside(contender: Contender, folder: Path) -> Path:
    """Change the last checkpoint so that ModelCheckpoint would delete a folder beside the run's."""
    from pytorch_lightning.callbacks import ModelCheckpoint

    keep = folder / "outputs" / "keep"
    keep.mkdir()
    (keep / "thesis.txt").write_text("years of work\n")
    checkpoint = contender.load(folder)
    last = contender.last_checkpoint(folder)
    stored = [state for key, state in checkpoint["callbacks"].items() if key.startswith("ModelCheckpoint")]
    if not stored:
        callback = ModelCheckpoint(dirpath=last.parent)
        stored = [callback.state_dict()]
        checkpoint["callbacks"][callback.state_key] = stored[0]
    for state in stored:
        state["best_model_path"] = f"{last.parent}/../../keep"
    torch.save(checkpoint, last)
    return keep / "thesis.txt"


def check_stored_path(
    outcome: Outcome, contender: Contender, folder: Path, overrides: tuple[str, ...]
) -> None:
    """Train on from a checkpoint that names a folder outside as the checkpoint to be replaced."""
    folder.mkdir()
    small = contender.small(folder)
    ended = contender.run(folder, *small, "trainer.max_epochs=1")
    assert ended.returncode == 0, ended.errors
    kept = point_outside(contender, folder)
    with attempt(outcome, " ".join(["stored path", *overrides])) as checks:
        ended = contender.run(folder, *small, *overrides, f"ckpt_path={contender.last_checkpoint(folder)}")
        checks.check(kept.exists(), "a folder outside was deleted")
        outcome.count("bytes_lost", 0 if kept.exists() else len("years of work\n"))
        check_trained_or_refused(checks, contender, ended)


def check_trained_or_refused(outcome: Outcome, contender: Contender, ended: Finished) -> None:
    """Check that a run ended well: otherwise what it did not do says little."""
    problem = problem_with_answer(contender, ended) if ended.returncode != 0 else ""
    outcome.check(not problem, problem)


def f13(contender: Contender, folder: Path, long: bool) -> Outcome:
    """Stored paths and file names that point out of the run's folder"""
    outcome = Outcome()
    contender = contender.warmed(not long)
    small = contender.small(folder)
    ours = contender.name == "ours"
    check_stored_path(outcome, contender, folder / "stored", ())
    if ours:  # where such a path has a meaning only if the user asks for Lightning's own callback
        extra = "+callbacks.extra._target_=pytorch_lightning.callbacks.ModelCheckpoint"
        check_stored_path(outcome, contender, folder / "stored extra", (extra,))
    file_name = "callbacks.film.file_name=../../x.gif" if ours else "callbacks.checkpoint.filename=../../../x"
    for number, override in enumerate((file_name, "run_name=../../x")):
        place = folder / f"names {number}" / "inner"
        place.mkdir(parents=True)
        others = (part for part in small if part.partition("=")[0] != override.partition("=")[0])
        with attempt(outcome, override) as checks:
            ended = contender.run(place, *others, override, "trainer.max_epochs=1")
            written = [name for name in files_below(place.parent) if not name.startswith("inner/outputs/")]
            checks.check(not written, f"wrote {written[:3]}")
            check_trained_or_refused(checks, contender, ended)
    return outcome


# F14, F16: numbers that are not finite


def f14(contender: Contender, folder: Path, long: bool) -> Outcome:
    """A weight of the discriminator becomes NaN in the second epoch"""
    outcome = Outcome()
    contender = contender.warmed(not long)
    strike = {"at": [1, 0], "point": "batch_start", "action": "nan"}
    with attempt(outcome, "NaN") as checks:
        ended = contender.run(folder, *contender.small(folder), faults=strike)
        problem = problem_with_answer(contender, ended, "_loss", "epoch 2", "iteration 1")
        checks.check(not problem and ended.returncode == 1, f"{problem}, exit {ended.returncode}")
        check_last_is_good(checks, contender, folder, range(1, 2))
    return outcome


# F15: two processes that train together


def children(parent: int) -> list[int]:
    """Return the processes that a process has started to train with it, and that live."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has just ended
            state, above = path.read_text().rpartition(")")[2].split()[:2]
            trains = b"\0LOCAL_RANK=" in path.with_name("environ").read_bytes()  # as Lightning tells it
            if int(above) == parent and state not in "ZX" and trains:
                found.append(int(path.parent.name))
    return found


def is_alive(process: int) -> bool:
    """Tell whether a process lives; one that waits to be noticed by its parent does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


@contextlib.contextmanager
def adopting() -> Iterator[None]:
    """Become the parent of processes whose parent dies, so that their exit codes can be had."""
    set_child_subreaper = 36
    LIBC.prctl(set_child_subreaper, 1, 0, 0, 0)
    try:
        yield
    finally:
        LIBC.prctl(set_child_subreaper, 0, 0, 0, 0)


def check_partner_dies(
    outcome: Outcome,
    contender: Contender,
    folder: Path,
    overrides: tuple[str, ...],
    rank: int,
    expected: Unbroken,
) -> None:
    """Kill one of two processes in the second epoch; the other must end and the run go on exactly."""
    folder.mkdir()
    strike = {"at": [1, 1], "point": "batch_start", "action": "sigkill", "rank": rank}
    with attempt(outcome, f"rank {rank} killed") as checks, adopting():
        process = contender.start(folder, *overrides, faults=strike)
        pids = [process.pid]
        wait_until(lambda: bool(children(process.pid)), process)
        pids += children(process.pid)
        checks.check(len(pids) == 2, f"{len(pids)} processes")
        victim, other = (pids[rank], pids[1 - rank]) if len(pids) == 2 else (pids[0], pids[0])
        checks.check(wait_until(lambda: not is_alive(victim)), "the kill did not strike")
        in_time = wait_until(lambda: not is_alive(other), seconds=ENDS_WITHIN)
        checks.check(in_time, f"the other process still runs after {ENDS_WITHIN} s")
        process.kill_all()
        ended = process.finish()
        code = os.waitstatus_to_exitcode(os.waitpid(other, 0)[1]) if rank == 0 else ended.returncode
        checks.check(code == 1, f"the other process ended with {code}")
        if contender.name == "ours" and rank == 1:  # without process 0 PyTorch's store adds its own lines
            problem = problem_with_answer(contender, ended, "process 1 of this job was ended by SIGKILL")
            checks.check(not problem, problem)
        check_goes_on(checks, contender, folder, overrides, expected)


def check_together(
    checks: Outcome, contender: Contender, folder: Path, both: tuple[str, ...], one: tuple[str, ...]
) -> None:
    """Check that two processes have equal weights and write one run, and that it is that of one process."""
    together, alone = folder / "together", folder / "alone"
    for place in (together, alone):
        place.mkdir()
    ended = contender.run(together, *both, faults={"digests": str(folder)})
    checks.check(ended.returncode == 0, f"exit code {ended.returncode}: {ended.errors[-200:]}")
    digests = [path.read_text() for path in sorted(folder.glob("rank_*.txt"))]
    checks.check(len(digests) == 2 and len(set(digests)) == 1, f"weights of the ranks: {digests}")
    runs = [path.name for path in (together / "outputs").iterdir()]
    checks.check(runs == ["run"], f"folders written: {runs}")
    if contender.name == "ours":  # the plain script has no batches shared between processes
        ended = contender.run(alone, *one)
        checks.check(ended.returncode == 0, f"one process: exit code {ended.returncode}")
        first, second = contender.load(together)["state_dict"], contender.load(alone)["state_dict"]
        largest = max(float((first[name] - second[name]).abs().max()) for name in second)
        checks.check(largest < 1e-5, f"weights differ by {largest:.1e} from those of one process")


def f15(contender: Contender, folder: Path, long: bool) -> Outcome:
    """Two processes train together; then one of them is killed"""
    outcome = Outcome()
    contender = contender.warmed(not long)
    shorter = ("trainer.max_epochs=2", "trainer.limit_train_batches=3")
    if contender.name == "ours":
        shorter += ("model.dropout=0.0",)

    def set_values(overrides: tuple[str, ...]) -> tuple[str, ...]:
        keys = [part.partition("=")[0] for part in shorter]
        return (*(part for part in overrides if part.partition("=")[0] not in keys), *shorter)

    both = set_values(contender.two_processes(folder))
    together = folder / "together"
    with attempt(outcome, "two processes", faults=0) as checks:
        check_together(checks, contender, folder, both, set_values(contender.small(folder)))
    expected = Unbroken(contender.digest(together), contender.last_checkpoint(together).stat().st_size)
    for rank in (1, 0):
        check_partner_dies(outcome, contender, folder / f"rank {rank}", both, rank, expected)
    return outcome


def f16(contender: Contender, folder: Path, long: bool) -> Outcome:
    """A sweep of three whose second job diverges"""
    outcome = Outcome()
    contender = contender.warmed(not long)
    small = (part for part in contender.small(folder) if part != "run_name=run")
    rates = "model.generator_lr=1e-4,1e30,2e-4"
    with attempt(outcome, "sweep") as checks:
        ended = contender.run(folder, "-m", *small, "run_name=sweep", "trainer.max_epochs=1", rates)
        checks.check(ended.returncode == 1, f"exit code {ended.returncode}")
        for job in (0, 2):
            run = folder / "outputs" / "sweep" / f"{job}"
            complete = [*run.glob("*.gif"), *run.glob("checkpoints/last.ckpt")]
            checks.check(len(complete) == 2, f"job {job} is not complete: {complete}")
        named = re.search(r"model\.generator_lr=1e\+?30", ended.errors)
        reason = re.search(r"_loss became|not finite", ended.errors)
        checks.check(bool(named and reason), f"the failed job is not named: {ended.errors.strip()[-200:]!r}")
        checks.check("Traceback" not in ended.errors, "traceback")
    return outcome
