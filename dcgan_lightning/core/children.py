"""The processes that the first one of a job has started, and what it does when one of them fails."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time

REMEDY = "go on with ckpt_path=auto"


class Children:
    """Processes of a job on this machine, watched by the one that has started them.

    Lightning's own observer would end this process by SIGKILL, without a line and with exit code -9.

    Args:
        processes: Lightning's list, in the order of their ranks; emptied, so that its observer stops.
        first: Rank of the first one.
    """

    def __init__(self, processes: list[subprocess.Popen[bytes]], first: int = 1) -> None:
        self._processes = dict(enumerate(processes, first))
        processes.clear()

    def failed(self) -> list[int]:
        """Return the ranks of those that have ended with an error or by a signal."""
        return [rank for rank, process in self._processes.items() if process.poll()]

    def describe(self, rank: int) -> str:
        """Return how a process has ended, in words that follow "process 1"; "" if it lives or is unknown."""
        code = self._processes[rank].poll() if rank in self._processes else None
        if code is None:
            return ""
        if code >= 0:
            return f"has ended with exit code {code}"
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
        return f"was ended by signal {-code}"

    def kill(self) -> None:
        """End them all: without this process they would wait for it."""
        for process in self._processes.values():
            if process.poll() is None:
                process.kill()

    def guard(self, grace_seconds: float, poll_seconds: float = 1.0) -> None:
        """End this process with exit code 1 if it has not ended by itself some time after one of them failed.

        A process that waits for a dead one on a GPU cannot be interrupted.

        Args:
            grace_seconds: From the failure on.
            poll_seconds: Time between two looks.
        """

        def watch() -> None:
            while not (failed := self.failed()):
                time.sleep(poll_seconds)
            time.sleep(grace_seconds)
            how = self.describe(failed[0])
            print(f"error: process {failed[0]} of this job {how}; {REMEDY}", file=sys.stderr, flush=True)
            self.kill()
            os._exit(1)

        threading.Thread(target=watch, name="guard-children", daemon=True).start()
