import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
import torch
from conftest import Compose

from dcgan_lightning.config.validate import check_command
from dcgan_lightning.core.devices import (
    card_of_job,
    check_bfloat16,
    check_cards,
    check_processes,
    choose_accelerator,
    describe_environment,
    describe_threads,
    set_tf32,
    set_threads,
    shorten_spinning,
    threads_of_job,
)
from dcgan_lightning.core.errors import ConfigError


def test_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_accelerator("auto") == "cpu"
    assert choose_accelerator("cpu") == "cpu"
    with pytest.raises(ConfigError, match=r"trainer\.accelerator=gpu: PyTorch finds no CUDA device"):
        choose_accelerator("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert choose_accelerator("auto") == "cuda"
    assert choose_accelerator("gpu") == "cuda"
    assert choose_accelerator("cpu") == "cpu"


def test_bfloat16_needs_a_cpu_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: True)
    check_bfloat16("cpu")
    with pytest.raises(ConfigError, match=r"fast_paths=bfloat16 is for CPUs; use trainer=cpu, or"):
        check_bfloat16("cuda")
    refusal = "this CPU has no bfloat16 instructions; use model.fast_paths=auto in a new run"
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", lambda: False)
    with pytest.raises(ConfigError, match=refusal):
        check_bfloat16("cpu")
    monkeypatch.delattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported")
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    with pytest.raises(ConfigError, match=refusal):
        check_bfloat16("cpu")


@pytest.mark.parametrize(
    ("trainer", "cards", "processes"),
    [
        ({"devices": 1, "accelerator": "cpu"}, 0, 1),
        ({"devices": 3, "num_nodes": 2, "accelerator": "cpu"}, 0, 6),
        ({"devices": [1], "accelerator": "gpu"}, 4, 1),
        ({"devices": [0, 2], "accelerator": "gpu"}, 4, 2),
        ({"devices": "auto", "accelerator": "gpu"}, 4, 4),
        ({"devices": "auto", "num_nodes": 2, "accelerator": "gpu"}, 4, 8),
        ({"devices": "auto", "accelerator": "gpu"}, 0, 1),
        ({"devices": "auto", "accelerator": "cpu"}, 4, 1),
    ],
)
def test_processes(monkeypatch: pytest.MonkeyPatch, trainer: dict, cards: int, processes: int) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    assert check_processes(trainer, is_sweep=False) == processes
    if processes == 1:
        assert check_processes(trainer, is_sweep=True) == 1
    else:
        with pytest.raises(ConfigError, match=r"trainer\.devices=.* in a sweep: .* one by one"):
            check_processes(trainer, is_sweep=True)


@pytest.mark.parametrize(
    ("devices", "cards", "message"),
    [
        (98, 1, r"trainer\.devices=98: PyTorch finds 1 CUDA device \(device 0\); .*=auto for all"),
        ([0, 2], 2, r"trainer\.devices=\[0, 2\]: PyTorch finds 2 CUDA devices \(devices 0 to 1\);"),
        (2, 2, None),
        ([1], 2, None),
        ("auto", 1, None),
    ],
)
def test_cards_that_are_not_there(
    monkeypatch: pytest.MonkeyPatch, devices: object, cards: int, message: str | None
) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cards)
    check_cards({"devices": devices}, "cpu")
    with nullcontext() if message is None else pytest.raises(ConfigError, match=message):
        check_cards({"devices": devices}, "cuda")


def test_jobs_that_slurm_starts_may_have_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = {"devices": 4, "num_nodes": 2, "accelerator": "gpu"}
    monkeypatch.setenv("SLURM_NTASKS", "8")
    assert check_processes(trainer, is_sweep=True) == 8
    monkeypatch.setenv("SLURM_NTASKS", "1")  # Lightning would have to start them
    with pytest.raises(ConfigError, match="in a sweep"):
        check_processes(trainer, is_sweep=True)


@pytest.fixture
def _same_threads_after() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


@pytest.mark.usefixtures("_same_threads_after")
def test_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.delenv("OMP_NUM_THREADS")
    torch.set_num_threads(2)
    set_threads(None, "cpu", processes=1)
    assert torch.get_num_threads() == 2
    assert "OMP_NUM_THREADS" not in os.environ
    set_threads(None, "cpu", processes=2)  # they share the cores
    assert torch.get_num_threads() == 1
    assert os.environ["OMP_NUM_THREADS"] == "1"
    set_threads(2, "cpu", processes=2)  # as told
    assert torch.get_num_threads() == 2
    assert os.environ["OMP_NUM_THREADS"] == "2"
    assert describe_environment("cpu") == {"torch": torch.__version__, "device": "cpu", "threads": 2}


def test_threads_of_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert threads_of_job({"cpus_per_task": 4}) is None  # PyTorch reads the variable
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert threads_of_job({"cpus_per_task": 4}) == 4
    assert threads_of_job({"n_jobs": 2}) is None


@pytest.mark.parametrize(("is_on", "matmul"), [(True, "high"), (False, "highest")])
def test_tf32(monkeypatch: pytest.MonkeyPatch, is_on: bool, matmul: str) -> None:
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        set_tf32(is_on)
        assert torch.get_float32_matmul_precision() == matmul
        assert torch.backends.cuda.matmul.allow_tf32 is is_on
        assert torch.backends.cudnn.allow_tf32 is is_on
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "some card")
        assert describe_environment("cuda") == {
            "torch": torch.__version__,
            "device": "some card",
            "tf32": is_on,
        }
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


@pytest.mark.parametrize(
    ("command", "accelerator", "devices", "cards"),
    [
        ("1", "cuda", 1, [0, 1, 2, 0]),
        ("1", "cpu", 1, [None] * 4),
        ("1", "cuda", [2], [None] * 4),  # the user has chosen
        (None, "cuda", 1, [None] * 4),  # jobs in turn
    ],
)
def test_jobs_at_once_take_the_cards_in_turn(
    monkeypatch: pytest.MonkeyPatch,
    command: str | None,
    accelerator: str,
    devices: object,
    cards: list[int | None],
) -> None:
    current: list[int] = []
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.setenv("DCGAN_COMMAND_PROCESS", command or str(os.getpid()))
    assert [card_of_job({"devices": devices}, accelerator, job) for job in range(4)] == cards
    assert current == [card for card in cards if card is not None]


CHOICES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME")


def test_idle_threads_sleep_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CHOICES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GOMP_SPINCOUNT", "")  # put back afterwards
    monkeypatch.delenv("GOMP_SPINCOUNT")
    shorten_spinning()
    assert os.environ["GOMP_SPINCOUNT"] == "5000"


@pytest.mark.parametrize("name", CHOICES)
def test_a_choice_of_how_threads_wait_stays(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for other in CHOICES:
        monkeypatch.delenv(other, raising=False)
    monkeypatch.setenv(name, "5")
    shorten_spinning()
    assert {key: os.environ[key] for key in CHOICES if key in os.environ} == {name: "5"}


@pytest.mark.parametrize("command", ["train", "generate", "evaluate", "export", "data.__main__"])
def test_a_command_imports_the_large_libraries_late(command: str) -> None:
    """The OpenMP library reads the environment once, when PyTorch is loaded; and a refusal needs neither."""
    code = f"import sys, dcgan_lightning.{command}; print({{'torch', 'numpy'}} & sys.modules.keys())"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize("threads", [0, -1, 1.5, "two", True])
@pytest.mark.parametrize("command", ["generate", "evaluate", "export"])
def test_threads_of_other_commands_are_checked(compose_cfg: Compose, command: str, threads: object) -> None:
    cfg = compose_cfg("ckpt_path=x", config_name=command)
    assert cfg.threads is None
    cfg.threads = threads
    with pytest.raises(ConfigError, match="threads must be a whole number from 1 to 1024, or null"):
        check_command(cfg, command)


@pytest.mark.parametrize(
    ("chosen", "variable", "cores", "text"),
    [
        (None, None, 8, "1 thread"),
        (1, None, 8, "1 thread, set by threads=1"),
        (None, "1", 8, "1 thread, set by OMP_NUM_THREADS"),
        (None, None, 1, "1 thread, as this process may use 1 of 8 cores"),
    ],
)
def test_the_number_of_threads_has_a_reason(
    chosen: int | None, variable: str | None, cores: int, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if variable:
        monkeypatch.setenv("OMP_NUM_THREADS", variable)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(cores)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert describe_threads(chosen) == text
