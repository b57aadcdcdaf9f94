"""Points where the processes of a job wait for each other in Python, where signals are obeyed.

A collective operation of PyTorch waits in C++: it cannot be interrupted, and cannot distinguish a process
that draws a picture for a minute from one that will never come. Here the processes wait at the store through
which they have found each other. Each gives signs of life in a thread, so long work of one (scores, pictures,
a slow disk) ends nothing, while a process that is gone, or that waits at another point, ends the job with one
line.
"""

import atexit
import contextlib
import os
import socket
import threading
import time
from datetime import timedelta

from torch.distributed import PrefixStore, Store, TCPStore  # type: ignore[attr-defined]

from dcgan_lightning.core.errors import ProcessError
from dcgan_lightning.core.processes import is_first_process

PATIENCE = timedelta(seconds=20)  # with a process without a sign of life, and within a collective operation
START_PATIENCE = timedelta(minutes=10)  # until all processes have imported PyTorch and read the data
_SIGN_SECONDS = 2.0
_FIRST_PAUSE, _LONGEST_PAUSE = 1e-4, 0.05  # seconds between two looks
_GONE = "gone"


class Team:
    """The processes of a job, as one of them sees them; to be made by all of them.

    Args:
        store: Reaches all of them.
        rank: Number of this process.
        size: Number of processes.

    Raises:
        ProcessError: Some of them have not come within `START_PATIENCE`.
    """

    def __init__(self, store: Store, rank: int, size: int) -> None:
        self.rank = rank
        self.size = size
        self._store = store
        self._meetings = 0
        self._signs: dict[int, tuple[bytes, float]] = {}  # the last one of each process, and since when
        self._last_check = time.monotonic()
        self._is_closed = threading.Event()
        for parity in (0, 1):
            store.set(f"meeting/{parity}/{rank}", "0 0 -")
        store.set(f"sign/{rank}", "0")
        self._await_all()
        self._thread = threading.Thread(target=self._give_signs, name="signs-of-life", daemon=True)
        self._thread.start()

    def meet(self, point: str, vote: bool = False) -> bool:
        """Wait until all processes are here.

        Args:
            point: Where in the program; the same for all.
            vote: What this process wants.

        Returns:
            Whether any process wants it.

        Raises:
            ProcessError: A process waits at another point, has failed, or gives no sign of life.
            DistError: The process that holds the store is gone.
        """
        self._meetings += 1
        # Who is here has left the last meeting, so all have left the one before: two keys are enough.
        parity = self._meetings % 2
        self._store.set(f"meeting/{parity}/{self.rank}", f"{self._meetings} {int(vote)} {point}")
        keys = [f"meeting/{parity}/{rank}" for rank in range(self.size)]
        pause, next_check = _FIRST_PAUSE, time.monotonic() + 1.0
        while True:
            answers = [answer.decode().split(" ", 2) for answer in self._store.multi_get(keys)]
            if all(int(number) == self._meetings for number, _, _ in answers):
                break
            if time.monotonic() >= next_check:
                self.check_alive()
                next_check = time.monotonic() + 1.0
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
        if len({where for _, _, where in answers}) > 1:
            places = ", ".join(f"process {rank} at {where!r}" for rank, (_, _, where) in enumerate(answers))
            raise ProcessError(
                f"the processes wait for each other at different points ({places}): a callback saves or "
                "exchanges values in one process only; leave it out and go on with ckpt_path=last",
                is_shared=True,
            )
        return any(voted == "1" for _, voted, _ in answers)

    def part(self) -> None:
        """Meet for the last time; process 0, which may hold the store, leaves after the others.

        Raises:
            ProcessError: See `meet`.
        """
        self.meet("end")
        if self.rank:
            self._store.set(f"left/{self.rank}/{self._meetings}", "")
            return
        keys = [f"left/{rank}/{self._meetings}" for rank in range(1, self.size)]
        deadline = time.monotonic() + PATIENCE.total_seconds()
        while not self._store.check(keys) and time.monotonic() < deadline:
            time.sleep(_LONGEST_PAUSE)

    def check_alive(self) -> None:
        """Look for signs of life of the others; to be called every second or so while waiting for them.

        Raises:
            ProcessError: A process has failed, or has given none for too long.
        """
        others = [rank for rank in range(self.size) if rank != self.rank]
        now = time.monotonic()
        for rank, sign in zip(
            others, self._store.multi_get([f"sign/{rank}" for rank in others]), strict=True
        ):
            if sign == _GONE.encode():
                raise ProcessError(f"process {rank} of this job has failed; go on with ckpt_path=last")
            last, since = self._signs.get(rank, (b"", now))
            # Only time spent waiting counts: this process may have computed, or been stopped by Ctrl-Z.
            since = now if sign != last or now - self._last_check > 10.0 else since
            self._signs[rank] = (sign, since)
            if now - since > PATIENCE.total_seconds():
                raise ProcessError(
                    f"process {rank} of this job has given no sign of life for {now - since:.0f} s; "
                    "go on with ckpt_path=last"
                )
        self._last_check = now

    def announce_failure(self) -> None:
        """Tell the others that this process ends; they need not wait."""
        self.close()
        with contextlib.suppress(RuntimeError):  # the store is gone
            self._store.set(f"sign/{self.rank}", _GONE)

    def close(self) -> None:
        """Give no more signs of life."""
        self._is_closed.set()
        self._thread.join()

    def _give_signs(self) -> None:
        count = 0
        with contextlib.suppress(RuntimeError):  # the store is gone; the main thread finds out by itself
            while not self._is_closed.wait(_SIGN_SECONDS):
                count += 1
                self._store.set(f"sign/{self.rank}", f"{count}")

    def _await_all(self) -> None:
        deadline = time.monotonic() + START_PATIENCE.total_seconds()
        missing = list(range(self.size))
        while missing := [rank for rank in missing if not self._store.check([f"sign/{rank}"])]:
            if time.monotonic() > deadline:
                raise ProcessError(
                    f"process {missing[0]} of this job has not come within {START_PATIENCE}; see its output"
                )
            time.sleep(_LONGEST_PAUSE)


_team: Team | None = None


def meet(point: str, vote: bool = False) -> bool:
    """Wait for the other processes of the job, if there are any (see `Team.meet`)."""
    return vote if _team is None else _team.meet(point, vote)


def part() -> None:
    """Wait for the other processes of the job, if there are any, for the last time (see `Team.part`)."""
    if _team is not None:
        _team.part()


def check_alive() -> None:
    """Look for signs of life of the other processes of the job, if there are any (see `Team.check_alive`)."""
    if _team is not None:
        _team.check_alive()


def announce_failure() -> None:
    """Tell the other processes of the job, if there are any, that this one ends."""
    if _team is not None:
        _team.announce_failure()


def connect(address: str, port: int, rank: int, size: int) -> Store:
    """Join the processes of a job, all of which have to call this.

    Args:
        address: Of the machine of process 0.
        port: Where process 0 listens.
        rank: Number of this process.
        size: Number of processes.

    Returns:
        The store for PyTorch's process group.

    Raises:
        ProcessError: The port is taken, or a process has not come.
    """
    global _team
    listens = rank == 0 and not _has_agent()
    if listens:
        check_port(port)
    else:
        _await_port(address, port)
    store = _open_store(address, port, size, listens)
    if store is None:
        raise ProcessError(
            f"MASTER_PORT={port}: {address} answers, but not as process 0 of this job, so another program "
            "has taken the port; set MASTER_PORT to a free one, or unset it to have one chosen"
        )
    store.set_timeout(START_PATIENCE)
    _team = Team(PrefixStore("dcgan_lightning", store), rank, size)
    atexit.register(_team.close)  # a thread in C++ would abort the interpreter's end
    return store


def _open_store(address: str, port: int, size: int, listens: bool) -> Store | None:
    """Return the store, or None if there is none within `PATIENCE`.

    PyTorch would wait for an answer of another program for ever, and obey no signal meanwhile.
    """
    found: list[Store] = []

    def open_store() -> None:
        with contextlib.suppress(RuntimeError):
            found.append(TCPStore(address, port, size, listens, PATIENCE, wait_for_workers=False))

    thread = threading.Thread(target=open_store, name="open-store", daemon=True)
    thread.start()
    thread.join(PATIENCE.total_seconds())
    return found[0] if found else None


def check_port(port: int) -> None:
    """Refuse a port where this process cannot listen.

    Raises:
        ProcessError: Says why.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError as error:
            raise ProcessError(
                f"MASTER_PORT={port} cannot be used, perhaps because another program has taken it "
                f"({error.strerror}); set it to a free port, or unset it to have one chosen"
            ) from error


def check_environment() -> None:
    """Refuse a MASTER_PORT that cannot be used, before anything is written or started.

    Raises:
        ProcessError: Says why.
    """
    port = os.environ.get("MASTER_PORT")
    if port is None or not is_first_process() or _has_agent():
        return
    if not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 2**16:
        raise ProcessError(f"MASTER_PORT must be a whole number from 1 to 65535; got {port!r}")
    check_port(int(port))


def _await_port(address: str, port: int) -> None:
    deadline = time.monotonic() + START_PATIENCE.total_seconds()
    while True:
        try:
            socket.create_connection((address, port), timeout=5.0).close()
            return
        except OSError as error:
            if time.monotonic() > deadline or isinstance(error, socket.gaierror):
                raise ProcessError(
                    f"process 0 of this job cannot be reached at {address}:{port} ({error}); "
                    "see its output, and check MASTER_ADDR and MASTER_PORT"
                ) from error
            time.sleep(0.2)


def _has_agent() -> bool:
    """Return whether torchrun holds the store."""
    return os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
