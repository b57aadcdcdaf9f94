"""How many CPU cores this process may use."""

import contextlib
import math
import os
from collections.abc import Iterator
from pathlib import Path

_MEMBERSHIP = Path("/proc/self/cgroup")  # the groups of processes that this one belongs to
_GROUPS = Path("/sys/fs/cgroup")


def available_cores() -> int:
    """Return how many cores this process may use: those it is bound to, within a container's CPU quota.

    A quota is rounded down: with one thread more than it lets run, all threads wait in each period until
    the next one begins.
    """
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # not on macOS and Windows
        cores = len(os.sched_getaffinity(0))
    return max(1, math.floor(min(cores, cpu_quota())))


def cpu_quota(membership: Path = _MEMBERSHIP, groups: Path = _GROUPS) -> float:
    """Return how many cores' time the kernel lets this process use; infinity: there is no limit.

    Args:
        membership: The kernel's list of the groups that a process belongs to.
        groups: Where the groups' files are.

    Source:
        https://docs.kernel.org/admin-guide/cgroup-v2.html (cpu.max) and
        https://docs.kernel.org/scheduler/sched-bwc.html (cpu.cfs_quota_us, version 1).
    """
    quotas = [math.inf]
    for folder in _folders(membership, groups):
        with contextlib.suppress(OSError, ValueError, ZeroDivisionError):  # "max", or no such file
            quota, period = (folder / "cpu.max").read_text().split()
            quotas.append(int(quota) / int(period))
        with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
            period = (folder / "cpu.cfs_period_us").read_text()
            quota = (folder / "cpu.cfs_quota_us").read_text()
            if int(quota) > 0:  # -1: no limit
                quotas.append(int(quota) / int(period))
    return min(quotas)


def _folders(membership: Path, groups: Path) -> Iterator[Path]:
    """Yield the folders of a process' groups and of all above them: each may have a limit."""
    with contextlib.suppress(OSError, ValueError):
        for line in membership.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            root = groups / controllers  # version 2 has no controllers here, and one tree
            # In a container the path may be that of the machine; then only the root is there.
            parts = Path(path).parts[1:]
            for length in range(len(parts), -1, -1):
                yield root.joinpath(*parts[:length])
