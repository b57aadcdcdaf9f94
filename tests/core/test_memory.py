import ctypes
import os
import subprocess
import sys

import pytest

from dcgan_lightning.core.memory import keep_freed_memory, release_freed_memory


@pytest.mark.skipif(sys.platform != "linux", reason="the C library is not glibc")
def test_freed_memory_is_kept() -> None:
    """In a process of its own: the allocator's settings cannot be taken back."""
    code = """
import resource, torch
from dcgan_lightning.core.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        torch.empty(4_000_000).fill_(1)  # 16 MB, about 4,000 pages
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

fresh = faults()
keep_freed_memory()
faults()
print(fresh, faults())
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    fresh, kept = map(int, output.split())
    assert kept < 100
    assert fresh >= kept


@pytest.mark.skipif(sys.platform != "linux", reason="the C library is not glibc")
def test_what_was_kept_fits_again() -> None:
    """Small tensors that stay do not keep large ones from taking the places of those that went."""
    code = """
import torch
from dcgan_lightning.core.memory import keep_freed_memory

def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1e3 for line in file if line.startswith("VmHWM:"))

keep_freed_memory()
sizes = [1_230_000, 620_000, 790_000, 640_000, 320_000, 490_000]
small = []

def iteration():
    saved = [torch.ones(size) for size in sizes[:3]]
    for size in sizes:
        torch.ones(size).add(1)
        small.extend(torch.ones(1) for _ in range(5))
    while saved:
        saved.pop(0).mul(2)
        small.append(torch.ones(3))

iteration()
first = peak()
for _ in range(100):
    iteration()
print(peak() - first)
"""
    tunables = "glibc.malloc.tcache_count=0:glibc.malloc.hugetlb=1"  # as Makefile has it
    environment = os.environ | {"GLIBC_TUNABLES": tunables}
    output = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    ).stdout
    assert float(output) < 30  # 16 MB are used at a time


@pytest.mark.parametrize("platform", ["darwin", "win32"])
def test_other_systems_keep_their_allocator(monkeypatch: pytest.MonkeyPatch, platform: str) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(ctypes, "CDLL", lambda name: pytest.fail("looked for glibc"))
    keep_freed_memory()
    release_freed_memory()


@pytest.mark.skipif(sys.platform != "linux", reason="the C library is not glibc")
def test_what_was_kept_can_be_released() -> None:
    """A small tensor above large ones that are freed holds their memory, until it is asked for."""
    code = """
import torch
from dcgan_lightning.core.memory import keep_freed_memory, release_freed_memory

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096 / 1e6

keep_freed_memory()
large = [torch.ones(4_000_000) for _ in range(10)]  # 160 MB
small = torch.ones(4)
full = resident()
del large
kept = resident()
release_freed_memory()
print(full - kept, kept - resident())
"""
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    freed, released = map(float, output.split())
    assert freed < 40
    assert released > 120
