"""How many cores a process may use: its affinity, and the quota of each group that it is in."""

import math
import os
from pathlib import Path

import pytest
import torch

from dcgan_lightning.core import cores
from dcgan_lightning.core.cores import available_cores, cpu_quota
from dcgan_lightning.core.devices import set_threads


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(f"{text}\n")


@pytest.mark.parametrize(
    ("line", "limits", "quota"),
    [
        ("0::/", {"": "200000 100000"}, 2.0),  # as seen from inside a container
        ("0::/", {"": "max 100000"}, math.inf),
        ("0::/job/step", {"job": "150000 100000", "job/step": "max 100000"}, 1.5),  # the limit is further up
        ("0::/job/step", {"": "300000 100000", "job/step": "50000 100000"}, 0.5),
        ("0::/docker/4f2a", {"": "200000 100000"}, 2.0),  # the machine's name of the group
        ("0::/", {"": "100000"}, math.inf),
        ("0::/", {"": "100000 0"}, math.inf),
        ("1:name=systemd:/", {"": "200000 100000"}, math.inf),
        ("nonsense", {"": "200000 100000"}, math.inf),
    ],
)
def test_quota_of_version_2(tmp_path: Path, line: str, limits: dict[str, str], quota: float) -> None:
    membership, groups = tmp_path / "cgroup", tmp_path / "groups"
    membership.write_text(f"{line}\n")
    for folder, text in limits.items():
        write(groups / folder, cpu__max=text)
    assert cpu_quota(membership, groups) == quota


@pytest.mark.parametrize(("limit", "quota"), [("-1", math.inf), ("250000", 2.5), ("0", math.inf)])
def test_quota_of_version_1(tmp_path: Path, limit: str, quota: float) -> None:
    membership, groups = tmp_path / "cgroup", tmp_path / "groups"
    membership.write_text("5:memory:/a\n3:cpu,cpuacct:/a\n0::/\n")
    write(groups / "cpu,cpuacct/a", cpu__cfs_quota_us=limit, cpu__cfs_period_us="100000")
    write(groups / "memory/a", cpu__cfs_quota_us="100000", cpu__cfs_period_us="100000")
    assert cpu_quota(membership, groups) == quota


def test_no_groups(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path / "none", tmp_path) == math.inf


@pytest.mark.parametrize(("quota", "expected"), [(0.2, 1), (1.9, 1), (2.0, 2), (64.0, 8), (math.inf, 8)])
def test_threads_follow_the_quota(monkeypatch: pytest.MonkeyPatch, quota: float, expected: int) -> None:
    """A container limited to two of eight cores starts two threads, not eight."""
    chosen: list[int] = []
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(cores, "cpu_quota", lambda: quota)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    monkeypatch.setattr(torch, "set_num_threads", chosen.append)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert available_cores() == expected
    set_threads(None)
    assert chosen == [expected]
    monkeypatch.setenv("OMP_NUM_THREADS", "8")  # a choice of the user's
    set_threads(None)
    assert chosen == [expected]
