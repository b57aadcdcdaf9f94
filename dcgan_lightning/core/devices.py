"""What a run trains on: accelerator, processes, threads; PyTorch is imported only where needed."""

import os
from collections.abc import Mapping
from typing import Any

from dcgan_lightning.core.cores import available_cores
from dcgan_lightning.core.durations import format_count
from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.core.processes import is_parallel_job


def check_processes(trainer: Mapping[str, Any], is_sweep: bool) -> int:
    """Return how many processes train together.

    Args:
        trainer: The configuration's group of this name.
        is_sweep: Whether this is one job of several.

    Raises:
        ConfigError: They are several, Lightning has to start them, and the job is one of a sweep.
        ProcessError: They are several, and the port where they are to meet is taken.
    """
    processes = count_processes(trainer)
    if processes is None:
        import torch

        cards = 0 if trainer["accelerator"] == "cpu" else torch.cuda.device_count()
        processes = max(cards, 1) * trainer.get("num_nodes", 1)
    started_by_slurm = os.environ.get("SLURM_NTASKS") == str(processes)
    if processes > 1 and is_sweep and not started_by_slurm:
        raise ConfigError(
            f"trainer.devices={trainer['devices']} in a sweep: the job's other processes would be started "
            "with the sweep's command line and would start the whole sweep again; run such jobs one by one"
        )
    if processes > 1:
        from dcgan_lightning.core.ports import check_environment

        check_environment()
    return processes


def choose_accelerator(accelerator: str) -> str:
    """Return "cuda" or "cpu": the requested one, or with "auto" CUDA if available."""
    import torch

    if accelerator == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if accelerator == "auto":
        return "cpu"
    raise ConfigError(
        f"trainer.accelerator={accelerator}: PyTorch finds no CUDA device; use trainer=auto or trainer=cpu"
    )


def check_cards(trainer: Mapping[str, Any], accelerator: str) -> None:
    """Refuse CUDA cards that this machine does not have.

    Args:
        trainer: The configuration's group of this name.
        accelerator: From `choose_accelerator`.

    Raises:
        ConfigError: A card is missing; the message says how many there are.
    """
    devices = trainer["devices"]
    if accelerator != "cuda" or devices == "auto":
        return
    import torch

    cards = torch.cuda.device_count()
    needed = devices if isinstance(devices, int) else max(devices) + 1
    if needed > cards:
        only = " (device 0)" if cards == 1 else f" (devices 0 to {cards - 1})"
        raise ConfigError(
            f"trainer.devices={devices}: PyTorch finds {format_count(cards, 'CUDA device')}{only}; "
            "choose among these, or trainer.devices=auto for all"
        )


def choose_device(device: str) -> str:
    """Return "cuda" or "cpu", for commands that do not train; "auto": CUDA if available."""
    import torch

    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if device == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device=cuda: PyTorch finds no CUDA device; use device=auto or device=cpu")
    return device


def check_bfloat16(accelerator: str) -> None:
    """Check that the device computes the fast paths in bfloat16.

    Args:
        accelerator: From `choose_accelerator`.

    Raises:
        ConfigError: It is not a CPU with bfloat16 instructions.
    """
    import torch

    if accelerator != "cpu":
        raise ConfigError(
            "model.fast_paths=bfloat16 is for CPUs; use trainer=cpu, or model.fast_paths=auto and "
            "trainer.precision=bf16-mixed"
        )
    if not (torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()):
        raise ConfigError(
            "model.fast_paths=bfloat16: this CPU has no bfloat16 instructions; use model.fast_paths=auto in "
            "a new run, which init_from=... can start with the weights of this one"
        )


def card_of_job(trainer: Mapping[str, Any], accelerator: str, job: int) -> int | None:
    """Return the CUDA card of one of several jobs at once on this machine, which share its cards in turn.

    Each of them would take the first card. Where SLURM or Ray gives a job a card, it sees no other one.

    Args:
        trainer: The configuration's group of this name.
        accelerator: From `choose_accelerator`.
        job: Its number in the sweep.

    Returns:
        Its number, which is now PyTorch's current card; None leaves the choice to Lightning.
    """
    if accelerator != "cuda" or trainer["devices"] != 1 or not is_parallel_job():
        return None
    import torch

    card = job % torch.cuda.device_count()
    torch.cuda.set_device(card)
    return card


def threads_of_job(launcher: Mapping[str, Any]) -> int | None:
    """Return how many CPU threads a job of a sweep uses; None lets PyTorch decide.

    joblib and Ray divide the cores among their jobs through OMP_NUM_THREADS, which PyTorch reads; submitit
    knows a number for each job and leaves it to the job.

    Args:
        launcher: Hydra's configuration of what starts the jobs.
    """
    return None if "OMP_NUM_THREADS" in os.environ else launcher.get("cpus_per_task")


def set_threads(threads: int | None, accelerator: str = "cpu", processes: int = 1) -> None:
    """Set the number of CPU threads.

    Args:
        threads: The number for each process; None: one for each core that may be used, which several
            processes on a CPU share. OMP_NUM_THREADS comes before that.
        accelerator: From `choose_accelerator`.
        processes: How many train on this machine.
    """
    import torch

    if threads is None and "OMP_NUM_THREADS" not in os.environ:
        threads = min(torch.get_num_threads(), available_cores())
        if processes > 1 and accelerator == "cpu":
            threads = max(1, threads // processes)
    if threads is not None:
        torch.set_num_threads(threads)
        if processes > 1:  # else Lightning sets a number of its own when it starts the others
            os.environ["OMP_NUM_THREADS"] = str(threads)


def describe_threads(chosen: int | None) -> str:
    """Return how many CPU threads PyTorch uses, and what determines their number.

    Args:
        chosen: The number in the configuration, if there is one.
    """
    import torch

    count = format_count(torch.get_num_threads(), "thread")
    cores = available_cores()
    if chosen:
        return f"{count}, set by threads={chosen}"
    if "OMP_NUM_THREADS" in os.environ:
        return f"{count}, set by OMP_NUM_THREADS"
    if cores != os.cpu_count():
        return f"{count}, as this process may use {cores} of {os.cpu_count()} cores"
    return count


def shorten_spinning() -> None:
    """Let PyTorch's idle CPU threads sleep soon, unless the user has chosen how they wait.

    A thread that has done its part of an operation waits for the next one. GNU's OpenMP lets it spin for up
    to a millisecond, which takes the core from the thread that it waits for where other programs run.
    PyTorch's library reads this when it is loaded, so this comes before PyTorch is imported.

    Source:
        https://gcc.gnu.org/onlinedocs/libgomp/GOMP_005fSPINCOUNT.html
    """
    if not {"GOMP_SPINCOUNT", "OMP_WAIT_POLICY", "KMP_BLOCKTIME"} & os.environ.keys():
        os.environ["GOMP_SPINCOUNT"] = "5000"


def set_tf32(is_on: bool) -> None:
    """Choose whether CUDA cards compute float32 products and convolutions as TensorFloat-32.

    PyTorch's own default is to do so for convolutions only.
    """
    import torch

    # Not PyTorch's newer names for them: Lightning and the compiler read these, which then raise an error.
    torch.set_float32_matmul_precision("high" if is_on else "highest")
    torch.backends.cudnn.allow_tf32 = is_on


def describe_environment(accelerator: str) -> dict[str, Any]:
    """Return the environment that bit-exact results depend on besides the settings."""
    import torch

    if accelerator == "cuda":
        return {
            "torch": str(torch.__version__),
            "device": torch.cuda.get_device_name(),
            "tf32": torch.backends.cudnn.allow_tf32,
        }
    return {"torch": str(torch.__version__), "device": "cpu", "threads": torch.get_num_threads()}


def count_processes(trainer: Mapping[str, Any]) -> int | None:
    """Return how many processes train together, one for each device; None for devices=auto."""
    devices = trainer.get("devices", 1)
    if devices == "auto":
        return None
    return (len(devices) if isinstance(devices, list) else devices) * trainer.get("num_nodes", 1)
