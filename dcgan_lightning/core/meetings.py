"""Barriers at which the processes of a job wait for each other in Python, where signals are handled.

A collective operation of PyTorch waits in C++: it cannot be interrupted, and cannot distinguish a process
that draws a picture for a minute from one that will never come. Here the processes wait at the store through
which they have found each other. Each gives signs of life in a thread, so long work of one (scores, pictures,
a slow disk) is no error, while a process that has ended, or waits at another barrier, ends the job with one
line.
"""

import atexit
import contextlib
import threading
import time
from datetime import timedelta

from torch.distributed import PrefixStore, Store  # type: ignore[attr-defined]

from dcgan_lightning.core.children import REMEDY, Children
from dcgan_lightning.core.errors import ProcessError
from dcgan_lightning.core.ports import await_port, check_port, has_agent, open_store

PATIENCE = timedelta(seconds=20)  # with a process without a sign of life, and within a collective operation
START_PATIENCE = timedelta(minutes=10)  # until all processes have imported PyTorch and read the data
_SIGN_SECONDS = 2.0
_REASON_SECONDS = 5.0  # in which a failed process hands over why it has failed
_FIRST_PAUSE, _LONGEST_PAUSE = 1e-4, 0.05  # seconds between two looks
_GONE = "gone"


class Team:
    """The processes of a job, as one of them sees them; to be made by all of them.

    Args:
        store: Reaches all of them.
        rank: Number of this process.
        size: Number of processes.
        children: Those that this process has started.

    Raises:
        ProcessError: Some of them have ended, or have not come within `START_PATIENCE`.
    """

    def __init__(self, store: Store, rank: int, size: int, children: Children | None = None) -> None:
        self.rank = rank
        self.size = size
        self._store = store
        self._children = children or Children([])
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
            vote: This process' vote.

        Returns:
            Whether any process voted for it.

        Raises:
            ProcessError: A process waits at another point, has failed, or gives no sign of life.
            DistError: The process that holds the store has ended.
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
                "exchanges values in one process only; leave it out and go on with ckpt_path=auto",
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
        """Check the others' heartbeats; to be called about every second while waiting for them.

        Raises:
            ProcessError: A process has failed, or has given none for too long.
        """
        others = [rank for rank in range(self.size) if rank != self.rank]
        signs = self._store.multi_get([f"sign/{rank}" for rank in others])
        if error := self._failure(dict(zip(others, signs, strict=True))):
            raise error
        now = time.monotonic()
        for rank, sign in zip(others, signs, strict=True):
            last, since = self._signs.get(rank, (b"", now))
            # Only time spent waiting counts: this process may have computed, or been stopped by Ctrl-Z.
            since = now if sign != last or now - self._last_check > 10.0 else since
            self._signs[rank] = (sign, since)
            if now - since > PATIENCE.total_seconds():
                raise ProcessError(
                    f"process {rank} of this job has given no sign of life for {now - since:.0f} s; {REMEDY}"
                )
        self._last_check = now

    def announce_failure(self) -> None:
        """Announce the end of this process; the others need not wait."""
        self.close()
        with contextlib.suppress(RuntimeError):  # the store is gone
            self._store.set(f"sign/{self.rank}", _GONE)

    def hand_over(self, reason: str) -> bool:
        """Let process 0 say why this one has failed: all of them may have failed for the same reason.

        Args:
            reason: One line.

        Returns:
            Whether process 0 can be reached; else this process has to say it.
        """
        try:
            self._store.set(f"reason/{self.rank}", reason)
        except RuntimeError:  # the store is gone
            return False
        return True

    def failure(self) -> ProcessError | None:
        """Return why a connection to another process was lost, if that process has failed."""
        deadline = time.monotonic() + 2.0  # a killed process can be seen a moment later
        while time.monotonic() < deadline:
            try:
                self.check_alive()
            except ProcessError as error:
                return error
            except RuntimeError:  # the store is gone
                return None
            time.sleep(_LONGEST_PAUSE)
        return None

    def _failure(self, signs: dict[int, bytes]) -> ProcessError | None:
        """Return what ends this process because others have failed, if they have."""
        deadline = time.monotonic() + _REASON_SECONDS
        while failed := sorted(
            {rank for rank, sign in signs.items() if sign == _GONE.encode()} | {*self._children.failed()}
        ):
            for rank in failed:
                if self._store.check([f"reason/{rank}"]):
                    reason = self._store.get(f"reason/{rank}").decode()
                    return ProcessError(f"process {rank} of this job has failed: {reason}", is_shared=True)
            ends = {rank: how for rank in failed if (how := self._children.describe(rank))}
            if ends or self.rank or time.monotonic() > deadline:
                rank, how = next(iter(ends.items()), (failed[0], "has failed"))
                return ProcessError(f"process {rank} of this job {how}; {REMEDY}", is_shared=not ends)
            time.sleep(_LONGEST_PAUSE)
        return None

    def close(self) -> None:
        """Stop the heartbeat."""
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
            if error := self._failure({}):
                raise error
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
    """Check the heartbeats of the job's other processes, if there are any (see `Team.check_alive`)."""
    if _team is not None:
        _team.check_alive()


def announce_failure() -> None:
    """Announce the end of this process to the job's other ones, if there are any."""
    if _team is not None:
        _team.announce_failure()


def hand_over(reason: str) -> bool:
    """Let process 0 of the job say why this one has failed, if it can be reached (see `Team.hand_over`)."""
    return _team is not None and _team.hand_over(reason)


def failure() -> ProcessError | None:
    """Return why a connection to another process of the job was lost (see `Team.failure`)."""
    return None if _team is None else _team.failure()


def connect(address: str, port: int, rank: int, size: int, children: Children | None = None) -> Store:
    """Join the processes of a job, all of which have to call this.

    Args:
        address: Of the machine of process 0.
        port: Where process 0 listens.
        rank: Number of this process.
        size: Number of processes.
        children: Those that this process has started.

    Returns:
        The store for PyTorch's process group.

    Raises:
        ProcessError: The port is taken, or a process has not come.
    """
    global _team
    listens = rank == 0 and not has_agent()
    if listens:
        check_port(port)
    else:
        await_port(address, port, START_PATIENCE)
    store = open_store(address, port, size, listens, PATIENCE)
    if store is None:
        raise ProcessError(
            f"MASTER_PORT={port}: {address} answers, but not as process 0 of this job, so another program "
            "has taken the port; set MASTER_PORT to a free one, or unset it to have one chosen"
        )
    store.set_timeout(START_PATIENCE)
    _team = Team(PrefixStore("dcgan_lightning", store), rank, size, children)
    atexit.register(_team.close)  # a thread in C++ would abort the interpreter's end
    return store
