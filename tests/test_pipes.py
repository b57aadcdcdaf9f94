"""A pipe where a file is expected: no reader waits for its other end, and the answer names it."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made_runs import make_run, make_sweep

from dcgan_lightning.compare import compare
from dcgan_lightning.core.errors import DataError, DCGANError
from dcgan_lightning.data.fashion_mnist.cache import LAYOUT, store
from dcgan_lightning.data.fashion_mnist.idx import FASHION_MNIST
from dcgan_lightning.data.fashion_mnist.sources import locate
from dcgan_lightning.runs.jobs import read_records, record_files
from dcgan_lightning.runs.run import read_runs

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes")


@pytest.fixture(autouse=True)
def _no_waiting() -> Iterator[None]:
    def fail(*arguments: object) -> None:
        raise AssertionError("it waits")

    previous = signal.signal(signal.SIGALRM, fail)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)


def put_pipe(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    os.mkfifo(path)


@pytest.mark.parametrize("name", ["history/history.csv", "history/scores.csv", "scores/last.json"])
def test_in_a_run(tmp_path: Path, name: str) -> None:
    put_pipe(make_run(tmp_path / "run") / name)
    with pytest.raises(DCGANError, match=rf"run/{name} .*a pipe where a regular file is expected") as error:
        read_runs([tmp_path / "run"])
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "read", [read_records, lambda sweep: read_runs([sweep]), lambda sweep: compare([sweep])]
)
def test_in_a_sweep(tmp_path: Path, read: Callable[[Path], object]) -> None:
    sweep = make_sweep(tmp_path / "sweep")
    put_pipe(sweep / "jobs" / "0.json")
    record_files(sweep)
    with pytest.raises(DCGANError, match=r"jobs/0\.json .*pipe"):
        read(sweep)


def test_in_the_data(tmp_path: Path) -> None:
    for file in FASHION_MNIST.values():
        put_pipe(tmp_path / LAYOUT / file.name)
    with pytest.raises(DataError, match="train-images-idx3-ubyte: is not a regular file"):
        locate(tmp_path, cache_dir=tmp_path / "cache", report=lambda sentence: None)
    for file in FASHION_MNIST.values():
        put_pipe(tmp_path / "cache" / LAYOUT / file.name)
    store({file.name: b"intact" for file in FASHION_MNIST.values()}, tmp_path / "cache")
    assert all((tmp_path / "cache" / LAYOUT / file.name).is_file() for file in FASHION_MNIST.values())
