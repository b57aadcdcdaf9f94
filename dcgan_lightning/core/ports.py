"""The port where the processes of a job find each other."""

import contextlib
import os
import socket
import threading
import time
from datetime import timedelta

from torch.distributed import Store, TCPStore  # type: ignore[attr-defined]

from dcgan_lightning.core.errors import ProcessError
from dcgan_lightning.core.processes import is_first_process


def open_store(address: str, port: int, size: int, listens: bool, patience: timedelta) -> Store | None:
    """Return the store of a job, or None if there is none in time.

    PyTorch would wait for an answer of another program for ever, and obey no signal meanwhile.
    """
    found: list[Store] = []

    def open_it() -> None:
        with contextlib.suppress(RuntimeError):
            found.append(TCPStore(address, port, size, listens, patience, wait_for_workers=False))

    thread = threading.Thread(target=open_it, name="open-store", daemon=True)
    thread.start()
    thread.join(patience.total_seconds())
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
    if port is None or not is_first_process() or has_agent():
        return
    if not (port.isascii() and port.isdecimal()) or not 0 < int(port) < 2**16:
        raise ProcessError(f"MASTER_PORT must be a whole number from 1 to 65535; got {port!r}")
    check_port(int(port))


def await_port(address: str, port: int, patience: timedelta) -> None:
    """Wait until process 0 listens.

    Raises:
        ProcessError: It does not in time, or there is no such machine.
    """
    deadline = time.monotonic() + patience.total_seconds()
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


def has_agent() -> bool:
    """Return whether torchrun holds the store."""
    return os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"
