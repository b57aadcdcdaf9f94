"""Whether other programs take the processor from this one."""

import os
import time

LEAST_SECONDS = 20.0  # of computing, before there is a judgement
LEAST_SHARE = 0.7  # of a core's time while computing; less, on a machine with too much to do, is contention


class ComputingTime:
    """Measures how much of the processor a thread gets in the steps in which it only computes.

    Waiting for a disk, another process or a GPU belongs outside of the steps.
    """

    def __init__(self) -> None:
        self._wall = 0.0
        self._cpu = 0.0
        self._began = (0.0, 0.0)

    def begin(self) -> None:
        """Note that a step begins."""
        self._began = (time.monotonic(), time.thread_time())

    def end(self) -> None:
        """Note that the step has ended, in the same thread."""
        self._wall += time.monotonic() - self._began[0]
        self._cpu += time.thread_time() - self._began[1]

    def find_contention(self, threads: int) -> str | None:
        """Return a line with the figures and the remedy if other programs slow this one down.

        The line is about the steps since the last judgement, which took at least `LEAST_SECONDS`.

        Args:
            threads: That compute together.
        """
        if self._wall < LEAST_SECONDS:
            return None
        share = self._cpu / self._wall
        self._wall = self._cpu = 0.0
        load, cores = _load(), os.cpu_count() or 1  # both of the whole machine
        if share >= LEAST_SHARE or load <= cores:
            return None
        remedy = "end other programs or start them with nice"
        if threads > 1:
            remedy = f"use threads=1, which waits less for a core than {threads} threads, or {remedy}"
        return (
            f"slow because the machine is busy: this training gets {share:.0%} of a core's time while it "
            f"computes; {load:.1f} programs want to run on {cores} cores (load average); {remedy}"
        )


def _load() -> float:
    """Return the number of threads that wanted to run in the last minute; 0 where that is unknown."""
    try:
        return os.getloadavg()[0]
    except (OSError, AttributeError):
        return 0.0
