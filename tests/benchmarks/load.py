"""How fast a training is on a machine that also does something else.

    python tests/benchmarks/load.py [--others 5] [--rounds 3] [--iterations 10] [--recipe KEY=VALUE ...]

Times an iteration of the real command with one thread and with one for each core, and with other ways in
which idle threads wait for the next operation; on the machine as it is, and while other processes compute
without a pause. The contenders take turns; ratios are taken within a round, to the better of one thread and
all.
"""

import argparse
import contextlib
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence

from bench_statistics import describe, markdown_table, spread
from scaling import measure

from dcgan_lightning.core.cores import available_cores

ONE, ALL = "1 thread", "a thread for each core"
# By contender: whether it has all threads, and the environment that says how they wait.
CONTENDERS: dict[str, tuple[bool, Mapping[str, str]]] = {
    ONE: (False, {}),
    ALL: (True, {}),
    f"{ALL}, GNU OpenMP's own spinning": (True, {"GOMP_SPINCOUNT": "300000"}),
    f"{ALL}, no spinning": (True, {"OMP_WAIT_POLICY": "passive"}),
}
Times = dict[str, list[float]]  # by contender, seconds an iteration of each round


@contextlib.contextmanager
def busy(others: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Let other processes, which are returned, compute for as long as the block lasts."""
    code = "x = 1\nwhile True: x = x * 3 % 1000003"
    processes = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(others)]
    try:
        yield processes
    finally:
        for process in processes:
            process.kill()
            process.wait()


def time_contenders(rounds: int, timed: Callable[[bool, Mapping[str, str]], float]) -> Times:
    """Return the times of all contenders, which take turns.

    Args:
        rounds: How often.
        timed: Returns the seconds of an iteration with one thread or with all, and with further variables.
    """
    times: Times = {name: [] for name in CONTENDERS}
    for name, (has_all, variables) in [*CONTENDERS.items()] * rounds:
        times[name].append(timed(has_all, variables))
        print(f"{name}: {times[name][-1]:.4g} s", file=sys.stderr, flush=True)
    return times


def ratios(times: Times, name: str) -> list[float]:
    """Return a contender's time relative to the better of one thread and all, for each round."""
    return [own / min(one, each) for own, one, each in zip(times[name], times[ONE], times[ALL], strict=True)]


def table(quiet: Times, loaded: Times) -> str:
    """Return a row for each contender: seconds and ratios on the quiet and on the busy machine."""
    rows = []
    for name in CONTENDERS:
        row = [name]
        for times in (quiet, loaded):
            row.append(describe(spread(times[name]), 3))
            row.append(f"{statistics.median(ratios(times, name)):.2f}")
        rows.append(row)
    return markdown_table(["", "quiet: s/iteration", "relative", "busy: s/iteration", "relative"], rows)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--others", type=int, default=5, help="processes that compute beside it")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--recipe", nargs="*", default=(), help="settings of another recipe")
    options = parser.parse_args(arguments)
    threads = available_cores()

    def timed(has_all: bool, variables: Mapping[str, str]) -> float:
        count = threads if has_all else 1
        return measure(count, options.iterations, *options.recipe, variables=variables)

    quiet = time_contenders(options.rounds, timed)
    with busy(options.others):
        loaded = time_contenders(options.rounds, timed)
    print(f"{threads} of {os.cpu_count()} cores, {options.others} other processes\n")
    print(table(quiet, loaded))


if __name__ == "__main__":
    main()
