"""Which process of a job this is; asked before PyTorch is imported."""

import os
import threading
import time

# What Lightning's own launcher, torchrun and SLURM set for each process of a job.
_NUMBERS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")


def is_first_process() -> bool:
    """Return whether this process speaks and writes for the job; one that is alone does."""
    return all(os.environ.get(name, "0") == "0" for name in _NUMBERS)


def end_with_parent(poll_seconds: float = 5.0) -> None:
    """End this process soon after the one that started it.

    On GPUs a process waits for a dead one for minutes, and holds its memory; on a CPU it is told at once.

    Args:
        poll_seconds: Time between two looks.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(poll_seconds)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()
