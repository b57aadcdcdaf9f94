"""A job of a sweep: its record, and what is left of its errors."""

import contextlib
import dataclasses
import functools
import signal
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dcgan_lightning.config.messages import one_line
from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.core.locks import held
from dcgan_lightning.core.signals import signal_name, signal_of
from dcgan_lightning.runs.jobs import JobRecord, Status, write_record


@dataclass
class Outcome:
    """What a job of a sweep leaves for its record.

    Attributes:
        objective: For sweepers that search.
        stop: Why the job ended before its end without an error; empty if it did not.
    """

    objective: float | None = None
    stop: str = ""


_process = contextlib.ExitStack()


@functools.cache
def hold(sweep: Path) -> None:
    """Notice from now on, until this process ends, if a sweep's folder is deleted or replaced.

    Each job's record goes there by its path: without this into the folder of another sweep.

    Args:
        sweep: Absolute; made if missing.
    """
    with contextlib.suppress(OSError):  # Windows; or it cannot be made, which Hydra is about to report
        sweep.mkdir(parents=True, exist_ok=True)
        _process.enter_context(held(sweep))


@contextlib.contextmanager
def note_job(sweep: Path, job: JobRecord) -> Iterator[Outcome]:
    """Keep the record of a job in the sweep's folder while the block runs, and how the block ends.

    Args:
        sweep: The sweep's folder.
        job: The job as it begins.
    """
    started = time.monotonic()

    def note(status: Status, reason: str = "", objective: float | None = None) -> None:
        seconds = job.seconds + time.monotonic() - started
        ended = dataclasses.replace(job, status=status, reason=reason, seconds=seconds, objective=objective)
        write_record(sweep, ended)

    note("running")
    outcome = Outcome()
    try:
        yield outcome
    except BaseException as error:
        with contextlib.suppress(RunFolderError):  # a full disk, which may be why the job fails
            if isinstance(error, Exception):
                note("failed", " ".join(one_line(error).split()))
            else:
                note("stopped", signal_name(signal_of(error) or signal.SIGTERM))
        raise
    note("stopped" if outcome.stop else "finished", outcome.stop, objective=outcome.objective)


@contextlib.contextmanager
def forgetting_locals() -> Iterator[None]:
    """Run a job; an error that ends it keeps its traceback's lines, and nothing of what its frames hold.

    Hydra keeps the errors of a sweep's jobs until the sweep ends: a step that ran out of memory would keep
    its activations from all jobs after it.
    """
    try:
        yield
    except Exception as error:
        found: list[BaseException | None] = [error]
        for one in found:  # grows on the way
            if one is not None:
                traceback.clear_frames(one.__traceback__)
                found += [other for other in (one.__cause__, one.__context__) if other not in found]
        raise
