"""The end of a sweep: what its jobs have left is put together, in the process that started them."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from dcgan_lightning.config.build import plain
from dcgan_lightning.config.hydra_files import accept
from dcgan_lightning.config.messages import one_line
from dcgan_lightning.core.errors import DCGANError, ProcessError, RunFolderError, SweepError
from dcgan_lightning.core.locks import check_ownership, is_locked, lock_owner
from dcgan_lightning.core.processes import shield_workers
from dcgan_lightning.core.signals import (
    end,
    end_on_signals,
    handle,
    in_main_thread,
    signal_of,
    stopping_signals,
)
from dcgan_lightning.runs.jobs import JobRecord, describe_job, read_new_records, read_records, record_files
from dcgan_lightning.sweeps.job import hold
from dcgan_lightning.sweeps.refusals import check_sweep, pin_folder, refusing
from dcgan_lightning.sweeps.search import study_error
from dcgan_lightning.training.printed_commands import RUN_TEMPLATE, continue_sweep_command


@dataclass(frozen=True)
class Sweep:
    """A sweep that this process has started.

    Attributes:
        process: The number of the process that has started it.
        folder: Holds its jobs' records and runs.
        can_go_on: Whether ``ckpt_path=auto`` would resume it.
        records: What stood in its jobs' records before.
        template: How the configuration names the folder.
    """

    process: int
    folder: Path
    can_go_on: bool
    records: dict[str, bytes]
    template: str = RUN_TEMPLATE


_started: Sweep | None = None


class NoteSweep(Callback):
    """Hydra's callback that passes a sweep to `summarized`; SIGTERM and SIGHUP end it as Ctrl-C does."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check and note the sweep, before its first job."""
        global _started
        with refusing():
            check_sweep(config)
        pin_folder(config)
        folder = Path(OmegaConf.select(config, "hydra.sweep.dir")).absolute()
        hold(folder)
        can_go_on = config.get("ckpt_path") in (None, "last", "auto")
        template = plain(config.hydra.sweep, resolve=False)["dir"]
        _started = Sweep(os.getpid(), folder, can_go_on, record_files(folder), template)
        if in_main_thread():
            end_on_signals()
            if _has_workers(config.hydra.launcher):
                handle(stopping_signals(), _end_after_jobs)
                shield_workers()


def _has_workers(launcher: DictConfig) -> bool:
    """Return whether joblib runs the jobs, in its own processes."""
    if not launcher._target_.endswith("JoblibLauncher") or os.name == "nt":
        return False
    try:
        from joblib import effective_n_jobs
    except ImportError:  # which is refused later
        return False
    return bool(effective_n_jobs(launcher.n_jobs) > 1)


def _end_after_jobs(number: int, frame: FrameType | None) -> None:
    """Let the jobs save before joblib kills them; a second signal ends at once."""
    handle(stopping_signals(), end)
    if _started is not None:
        _stop_jobs(_started)
    end(number, frame)


def _stop_jobs(sweep: Sweep, seconds: float = 60.0) -> None:
    """Send SIGTERM to the jobs that run, also to those that only begin, and wait until all have ended."""
    told: set[str] = set()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        running = [job for job in read_new_records(sweep.folder, sweep.records) if job.status == "running"]
        if not running:
            return
        for folder in {job.folder for job in running} - told:
            owner = lock_owner(sweep.folder / folder) if is_locked(sweep.folder / folder) else None
            if owner is not None:  # else it has just ended, or just begun
                with contextlib.suppress(OSError):
                    os.kill(owner, signal.SIGTERM)
                    told.add(folder)
        time.sleep(0.1)


def is_in_sweeps_process() -> bool:
    """Tell whether this process has started a sweep; its launcher may run the jobs elsewhere."""
    return _started is not None and _started.process == os.getpid()


def summarized(command: Callable[[], Any]) -> None:
    """Run a command; if it was a sweep, summarise it, however it ended.

    Raises:
        SweepError: Names the jobs that failed.
    """
    error: BaseException | None = None
    try:
        command()
    except BaseException as caught:
        error = caught
    was_killed = type(error).__name__ == "TerminatedWorkerError"  # joblib's, which need not be installed
    if was_killed:
        killed = "a job's process was killed, perhaps for lack of memory; use a smaller hydra.launcher.n_jobs"
        error = ProcessError(killed)
    if isinstance(error, SystemExit) and isinstance(error.__cause__, DCGANError):
        raise error.__cause__  # a refusal before the first job (see `refusing`)
    if _started is None:
        if error is not None:
            raise error
        return
    try:
        check_ownership(_started.folder)
    except RunFolderError as lost:
        raise error or lost from None  # its records and runs are those of another sweep
    if error is None or record_files(_started.folder) != _started.records:  # else it was refused at once
        accept()
        _summarize(_started)
    if (was_killed or signal_of(error)) and _started.can_go_on:
        command_line = continue_sweep_command(_started.folder, sys.argv[1:], _started.template)
        print(f"\ngo on with: {command_line}", flush=True)
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        raise error
    error = study_error(error, _started.folder) or error
    _name_failed(read_records(_started.folder), error)


def _summarize(sweep: Sweep) -> None:
    """Write the summary into the sweep's folder and print it; nothing here may hide why jobs failed."""
    from dcgan_lightning.runs.comparison import write_comparison
    from dcgan_lightning.runs.run import read_runs

    try:
        runs = read_runs([sweep.folder])
        text = write_comparison(runs, sweep.folder)
    except Exception as error:
        print(f"the sweep could not be summarised: {one_line(error)}", file=sys.stderr)
        return
    states = [run.status for run in runs]
    counts = [f"{states.count(state)} {state}" for state in dict.fromkeys(states)]
    print(f"\njobs: {', '.join(counts)}\n\n{text}", flush=True)


def _name_failed(records: Sequence[JobRecord], error: BaseException | None) -> None:
    """Raise an error for failed jobs, unless the sweeper tolerates them, or for another failure."""
    failed = [record for record in records if record.status == "failed"]
    if not failed:
        if error is not None:
            raise error
        return
    lines = [f"{len(failed)} of {len(records)} jobs failed", *map(describe_job, failed)]
    if error is None:  # a search, which bears failures
        print("\n" + "\n".join(lines), flush=True)
        return
    if not isinstance(error, DCGANError):
        error.add_note("\n".join(lines))
        raise error
    if " ".join(one_line(error).split()) not in [record.reason for record in failed]:
        lines.append(one_line(error))
    raise SweepError("\n".join(lines)) from error
