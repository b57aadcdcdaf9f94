"""Which process of a job or of a sweep this is; asked before PyTorch is imported."""

import contextlib
import functools
import os
import signal
import threading
import time
from collections.abc import Iterator

from dcgan_lightning.core.signals import block_signals, end_outside_imports, in_main_thread

# What Lightning's own launcher, torchrun and SLURM set for each process of a job.
_NUMBERS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")
# Holds the number of the process that was started as a command; the processes of parallel jobs inherit it.
_COMMAND = "DCGAN_COMMAND_PROCESS"


def is_first_process() -> bool:
    """Return whether this is rank 0, or the only process."""
    return all(os.environ.get(name, "0") == "0" for name in _NUMBERS)


def end_with_parent(poll_seconds: float = 5.0) -> None:
    """End this process soon after the one that started it.

    On GPUs a process waits for a dead one for minutes and keeps its memory; on a CPU it fails at once.

    Args:
        poll_seconds: Time between two looks.
    """
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(poll_seconds)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-parent", daemon=True).start()


def note_command() -> None:
    """Note that this process was started as a command."""
    os.environ[_COMMAND] = str(os.getpid())


def is_parallel_job() -> bool:
    """Return whether this process was started for jobs of a sweep that runs in another one."""
    return os.environ.get(_COMMAND, str(os.getpid())) != str(os.getpid())


@contextlib.contextmanager
def ending_with_sweep(poll_seconds: float = 1.0, grace_seconds: float = 60.0) -> Iterator[None]:
    """Run a job, and stop it as SIGTERM does soon after the process of its sweep has ended on this machine.

    Without this, jobs started by joblib or submitit would outlive a killed sweep.

    Args:
        poll_seconds: Time between two looks.
        grace_seconds: Time to finish an iteration and save.
    """
    if os.name == "nt" or not is_parallel_job():  # Windows cannot ask for a process without ending it
        yield
        return
    sweep = int(os.environ[_COMMAND])
    _stop_after(sweep, poll_seconds, grace_seconds)
    is_joblibs = in_main_thread() and signal.getsignal(signal.SIGTERM) in (signal.SIG_DFL, signal.SIG_IGN)
    if is_joblibs:
        signal.signal(signal.SIGTERM, end_outside_imports)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # see shield_workers
    try:
        yield
    finally:
        if is_joblibs:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the end of an idle worker would end all others
        if not _is_alive(sweep):
            os._exit(1)  # before the next job begins


@functools.cache  # one thread, also for a process that runs several jobs
def _stop_after(sweep: int, poll_seconds: float, grace_seconds: float) -> None:
    def watch() -> None:
        while _is_alive(sweep):
            time.sleep(poll_seconds)
        if signal.getsignal(signal.SIGTERM) is signal.SIG_IGN:  # between two jobs
            os._exit(1)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(grace_seconds)
        os._exit(1)

    threading.Thread(target=watch, name="end-with-sweep", daemon=True).start()


def shield_workers() -> None:
    """Keep signals, which may reach all processes, from joblib's workers: if one ends, joblib kills all."""
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend import resource_tracker as joblibs_tracker

    for tracker in (resource_tracker, joblibs_tracker):  # whose starts would unblock the signals again
        tracker.ensure_running()
    block_signals()


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it belongs to somebody else
        pass
    return True
