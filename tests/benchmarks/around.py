"""What surrounds the iterations: how long each command takes as a user types it.

    python tests/benchmarks/around.py [--rounds 3] [--only help,evaluate] [--against FOLDER]

Each command runs in a fresh process and an empty folder, one after the other, in rounds; with --against also
that of another checkout of this project, in turn. CPU time is summed over all threads of the process; on a
machine that is busy with other work only that tells what a command takes. The first picture is the grid of
the first iteration, which a user sees while the training goes on. Needs Fashion-MNIST in the data cache.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from bench_process import AS_MAKE, ROOT
from bench_statistics import describe, markdown_table, paired_ratios, spread

ITERATION = ("run_name=run", "trainer=cpu", "trainer.max_epochs=1", "trainer.limit_train_batches=1")
SMOKE = ("experiment=smoke", "run_name=run")
PICTURE = "outputs/run/samples/sample_epoch_*.png"
PRETRAINED = "ckpt_path=pretrained"
POLLING_INTERVAL = 0.02


class Command(NamedTuple):
    """A command line.

    Attributes:
        module: The command.
        arguments: Its arguments.
        picture: Pattern of a file; the time until it is there counts instead of that until the command ends.
        before: A training whose outputs the command needs, not timed; empty: none.
        exit_code: Of a command that does what it should.
    """

    module: str
    arguments: tuple[str, ...]
    picture: str = ""
    before: tuple[str, ...] = ()
    exit_code: int = 0


COMMANDS = {
    "help": Command("train", ("--help",)),
    "refusal": Command("train", ("modle.latent_dim=3",), exit_code=1),
    "first-picture": Command("train", ITERATION, PICTURE),
    "first-picture-first-look": Command("train", ("experiment=first_look", *ITERATION), PICTURE),
    "one-iteration": Command("train", ITERATION),
    "smoke": Command("train", SMOKE),
    "sweep": Command("train", ("--multirun", *SMOKE, "seed=0,1,2,3,4,5,6,7")),
    "report": Command("report", ("run=outputs/run",), before=SMOKE),
    "play": Command("play", ()),
    "export": Command("export", (PRETRAINED,)),
    "generate": Command("generate", (PRETRAINED, "n=16")),
    "generate-many": Command("generate", (PRETRAINED, "n=10000")),
    "evaluate-small": Command("evaluate", (PRETRAINED, "count=1000", "seeds=[0]")),
    "evaluate": Command("evaluate", (PRETRAINED,)),
}


class Times(NamedTuple):
    """Seconds of a command.

    Attributes:
        cpu: Of CPU time.
        wall: On the clock.
    """

    cpu: float
    wall: float


def cpu_seconds(stat: str) -> float:
    """Return the CPU time of a process so far.

    Args:
        stat: The content of its /proc/PID/stat.
    """
    values = stat.rpartition(")")[2].split()  # behind the name, which may contain anything
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")


def time_command(command: Command, checkout: Path = ROOT) -> Times:
    """Run a command in an empty folder.

    Raises:
        RuntimeError: It failed, or its picture did not appear; says its last words.
    """
    environment = os.environ | AS_MAKE | {"PYTHONPATH": str(checkout)}
    start = [sys.executable, "-m"]
    folder = Path(tempfile.mkdtemp())
    try:
        if command.before:
            training = [*start, "dcgan_lightning.train", *command.before]
            subprocess.run(training, cwd=folder, env=environment, check=True, capture_output=True)
        with (folder / "words").open("w+") as words:
            process = subprocess.Popen(
                [*start, f"dcgan_lightning.{command.module}", *command.arguments],
                cwd=folder,
                env=environment,
                stdout=words,
                stderr=subprocess.STDOUT,
            )
            times, code = _watch(process, folder, command.picture)
            words.seek(0)
            if code != command.exit_code or times is None:
                raise RuntimeError(f"{command.module}: exit code {code}: {words.read()[-500:]}")
        return times
    finally:
        shutil.rmtree(folder)


def _watch(process: subprocess.Popen[bytes], folder: Path, picture: str) -> tuple[Times | None, int]:
    """Return the seconds until a picture is there or else until the process ends, and its exit code."""
    started, times = time.perf_counter(), None
    while picture and times is None and process.poll() is None:
        if any(folder.glob(picture)):
            cpu = cpu_seconds(Path(f"/proc/{process.pid}/stat").read_text())
            times = Times(cpu, time.perf_counter() - started)
        time.sleep(POLLING_INTERVAL)
    if process.returncode is not None:
        return times, process.returncode
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if not picture:
        times = Times(usage.ru_utime + usage.ru_stime, time.perf_counter() - started)
    return times, process.returncode


def describe_command(command: Command) -> str:
    """Return a command line as a user types it."""
    line = " ".join((command.module, *command.arguments))
    return f"`{line}` until the first picture" if command.picture else f"`{line}`"


def table(
    measured: Mapping[str, Mapping[int, Times]], others: Mapping[str, Mapping[int, Times]] | None = None
) -> str:
    """Return a row for each command.

    Args:
        measured: The times of each round, by the names of `COMMANDS`.
        others: Those of another checkout.
    """
    header = ["", "CPU seconds", "wall seconds"]
    rows = []
    for name, rounds in measured.items():
        cpu = {number: times.cpu for number, times in rounds.items()}
        wall = statistics.median(times.wall for times in rounds.values())
        row = [describe_command(COMMANDS[name]), describe(spread(cpu.values()), 2), f"{wall:.2f}"]
        if others is not None:
            before = {number: times.cpu for number, times in others[name].items()}
            row += [
                describe(spread(before.values()), 2),
                f"{statistics.median(paired_ratios(cpu, before)):.2f}",
            ]
        rows.append(row)
    if others is not None:
        header += ["CPU seconds there", "relative"]
    return markdown_table(header, rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help=f"some of {','.join(COMMANDS)}")
    parser.add_argument("--against", type=Path, help="another checkout to compare with")
    options = parser.parse_args(arguments)
    names = options.only.split(",") if options.only else [*COMMANDS]
    if unknown := [name for name in names if name not in COMMANDS]:
        parser.error(f"unknown command {unknown[0]}; there are {', '.join(COMMANDS)}")
    checkouts = [ROOT] if options.against is None else [ROOT, options.against.resolve()]
    measured: list[dict[str, dict[int, Times]]] = [{name: {} for name in names} for _ in checkouts]
    for number in range(1, options.rounds + 1):
        for name in names:
            for checkout, times in zip(checkouts, measured, strict=True):
                times[name][number] = time_command(COMMANDS[name], checkout)
                print(f"round {number}, {name}: {times[name][number]}", file=sys.stderr, flush=True)
    print(table(*measured))


if __name__ == "__main__":
    main()
