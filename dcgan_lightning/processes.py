"""Which process of a job this is; asked before PyTorch is imported."""

import os

# What Lightning's own launcher, torchrun and SLURM set for each process of a job.
_NUMBERS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")


def is_first_process() -> bool:
    """Return whether this process speaks and writes for the job; one that is alone does."""
    return all(os.environ.get(name, "0") == "0" for name in _NUMBERS)
