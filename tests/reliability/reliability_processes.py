"""Processes that can be watched and killed: the command line as it is typed, cold or warm."""

import functools
import importlib.util
import multiprocessing
import multiprocessing.forkserver as forkserver
import os
import runpy
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


@dataclass(frozen=True)
class Finished:
    """An ended process."""

    returncode: int
    output: str
    errors: str
    seconds: float

    @property
    def error_lines(self) -> list[str]:
        """The lines on stderr that hold anything."""
        return [line for line in self.errors.splitlines() if line.strip()]


class ColdProcess(subprocess.Popen[str]):
    """The command line as a user types it."""

    def __init__(self, command: list[str], **options: Any) -> None:
        self.started = time.monotonic()
        super().__init__(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # so that its own children can be ended with it
            **options,
        )

    def finish(self, timeout: float = 300) -> Finished:
        """Wait for the end; what takes too long is killed and has the return code -9."""
        try:
            output, errors = self.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            self.kill_all()
            output, errors = self.communicate()
        return Finished(self.returncode, output, errors, time.monotonic() - self.started)

    def kill_all(self) -> None:
        """Kill the process and its children."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


class WarmProcess:
    """The same command, in a process forked from one that has imported the libraries already.

    Importing them takes most of the time of a short run; everything after that is the same.
    """

    def __init__(self, argv: list[str], cwd: Path, env: dict[str, str]) -> None:
        self.started = time.monotonic()
        self._captured = Path(tempfile.mkdtemp())
        for name in ("stdout", "stderr"):
            (self._captured / name).touch()
        self._process = _fork_server().Process(
            target=_run_warm, args=(argv, str(cwd), env, str(self._captured)), daemon=False
        )
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Return the exit code, or None while it runs."""
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """Send SIGKILL."""
        self._process.kill()

    def kill_all(self) -> None:
        """Kill the process and its children."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def finish(self, timeout: float = 300) -> Finished:
        """Wait for the end; what takes too long is killed and has the return code -9."""
        self._process.join(timeout)
        if self._process.exitcode is None:
            self.kill_all()
            self._process.join()
        output, errors = ((self._captured / name).read_text() for name in ("stdout", "stderr"))
        shutil.rmtree(self._captured)
        code = self._process.exitcode
        assert code is not None
        return Finished(code, output, errors, time.monotonic() - self.started)


Process = ColdProcess | WarmProcess


@functools.cache
def _fork_server() -> Any:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["plain_lightning", "dcgan_lightning.callbacks", "reliability_processes"])
    before = dict(os.environ)
    # Where to import from, and PyTorch's number of threads, can be told to a new process only.
    os.environ |= environment(str(HERE))
    try:
        forkserver.ensure_running()
    finally:
        os.environ.clear()
        os.environ.update(before)
    return context


def environment(*path: str) -> dict[str, str]:
    """Return the environment of all processes: the code beside these tests is what runs, on one CPU core."""
    parts = [*path, str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    own = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": os.pathsep.join(parts)}
    return os.environ | own


def _run_warm(argv: list[str], cwd: str, env: dict[str, str], captured: str) -> None:
    """Become ``python argv`` (in the forked process)."""
    os.setsid()
    for number, name in ((1, "stdout"), (2, "stderr")):
        handle = os.open(Path(captured, name), os.O_WRONLY | os.O_APPEND)
        os.dup2(handle, number)
        os.close(handle)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    tempfile.tempdir = None  # looked up again, in this environment
    if encoding := env.get("PYTHONIOENCODING"):
        sys.stdout.reconfigure(encoding=encoding)  # type: ignore[union-attr]
        sys.stderr.reconfigure(encoding=encoding)  # type: ignore[union-attr]
    sys.path[:0] = [part for part in env.get("PYTHONPATH", "").split(os.pathsep) if part]
    if importlib.util.find_spec("sitecustomize"):  # as an interpreter does at its start
        sys.modules.pop("sitecustomize", None)
        importlib.import_module("sitecustomize")
    if argv[0] == "-m":
        sys.argv = argv[1:]
        runpy.run_module(argv[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = argv
        runpy.run_path(argv[0], run_name="__main__")
