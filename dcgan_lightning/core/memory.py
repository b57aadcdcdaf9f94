"""How much memory there is, and what this process keeps of it, where the C library is glibc."""

import contextlib
import ctypes
import os
import sys
from pathlib import Path

_UNKNOWN = 4 << 30  # bytes; Windows tells no size without another package


def machine_memory() -> int:
    """Return the bytes of memory that this machine has, or that its container may use."""
    sizes = []
    with contextlib.suppress(AttributeError, ValueError, OSError):
        sizes.append(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(ValueError, OSError):  # "max", or no such file
            sizes.append(int(Path(limit).read_text()))
    return min(sizes, default=_UNKNOWN)


def keep_freed_memory() -> None:
    """Let this process keep what it frees for what it asks for next, where the C library is glibc.

    Otherwise every large tensor is fresh memory from the kernel, which clears it page by page: 5 to 60 % of
    an iteration on a CPU. What is kept must also fit again. To align a tensor, glibc cuts small pieces off
    its ends and, before 2.38, lays some of them by instead of joining them with their neighbours again; then
    the place of a freed tensor is too small for the next one of its size. Here one of the two lists of such
    pieces is switched off; the other one is by ``GLIBC_TUNABLES=glibc.malloc.tcache_count=0``, which a
    process cannot do for itself. Makefile sets it, and asks for huge pages with ``glibc.malloc.hugetlb=1``.

    Source:
        https://man7.org/linux/man-pages/man3/mallopt.3.html
    """
    trim_threshold, mmap_max, largest_in_fast_bins = -1, -4, 1  # mallopt's names for them
    if (allocator := _glibc()) is not None:
        allocator.mallopt(mmap_max, 0)
        allocator.mallopt(trim_threshold, 2**31 - 1)
        allocator.mallopt(largest_in_fast_bins, 0)


def release_freed_memory() -> None:
    """Give back what `keep_freed_memory` has kept; needed now and then.

    What a training keeps in between (pictures, rows of its history) falls into the gaps and makes new ones,
    so that ever more memory is kept: 0.9 GB more after twenty epochs with an averaged generator.
    """
    if (allocator := _glibc()) is not None:
        allocator.malloc_trim(0)


def _glibc() -> ctypes.CDLL | None:
    """Return the C library where it is glibc."""
    if sys.platform != "linux":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "gnu_get_libc_version") else None
