"""Downloads Fashion-MNIST from torchvision's mirrors, or as Debian's package without root.

Downloaded files are not trusted: `fashion_mnist.idx` checks them before they are used.
"""

import contextlib
import http.client
import os
import shutil
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from dcgan_lightning.core import heartbeat
from dcgan_lightning.core.errors import DataError
from dcgan_lightning.core.heartbeat import Heartbeat, show_progress
from dcgan_lightning.data.fashion_mnist.idx import FASHION_MNIST

Report = Callable[[str], None]

DEBIAN_PACKAGE = "dataset-fashion-mnist"
DEBIAN_FOLDER = Path("/usr/share/datasets/fashion-mnist")  # where that package puts the four .gz files

NETWORK_TIMEOUT = 10  # seconds without an answer or a byte
COMMAND_TIMEOUT = 300  # seconds for one command
_GZIP_OVERHEAD = 64 * 1024  # bytes by which a gzipped file may exceed its content
_CHUNK = 64 * 1024


def mirrors() -> list[str]:
    """Return the addresses torchvision downloads Fashion-MNIST from."""
    from torchvision.datasets import FashionMNIST  # slow to import and rarely needed

    return list(FashionMNIST.mirrors)


def host(mirror: str) -> str:
    """Return the host of a mirror's address."""
    return urlsplit(mirror).netloc


def from_mirror(mirror: str, folder: Path, report: Report) -> Path:
    """Download the four gzipped files; the first failure ends the attempt.

    Args:
        mirror: URL to which file names are appended.
        folder: Output folder, which must not exist.
        report: Called with a line per file if there is no terminal for a progress bar.

    Returns:
        ``folder``.

    Raises:
        DataError: The mirror is unreachable or does not have the files.
    """
    folder.mkdir()
    for file in FASHION_MNIST.values():
        name = f"{file.name}.gz"
        with _lines(folder / name, report):
            download(f"{mirror}{name}", folder / name, limit=file.size + _GZIP_OVERHEAD)
        if not _has_terminal():
            report(f"Fashion-MNIST: {name} downloaded ({(folder / name).stat().st_size:,} bytes)")
    return folder


def download(url: str, target: Path, limit: int) -> None:
    """Download a URL to a file, with a progress bar if there is a terminal.

    Args:
        url: The URL.
        target: The file to write.
        limit: Largest number of bytes to accept.

    Raises:
        DataError: The download fails, is truncated or is larger than ``limit``.
    """
    try:
        with urllib.request.urlopen(url, timeout=NETWORK_TIMEOUT) as response:
            length = response.headers.get("Content-Length", "")
            total = int(length) if length.isdigit() else None
            received = _stream(response, target, total, limit)
    except urllib.error.HTTPError as error:
        raise DataError(f"{url}: the server answers {error.code} {error.reason}") from error
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", error)
        text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
        raise DataError(f"{url}: {text}") from error
    if total is not None and received < total:
        raise DataError(f"{url}: the connection ended after {received:,} of {total:,} bytes")


def _stream(response: http.client.HTTPResponse, target: Path, total: int | None, limit: int) -> int:
    from tqdm import tqdm

    received = 0
    show = {"desc": target.name, "unit": "B", "unit_scale": True, "disable": not _has_terminal()}
    with target.open("wb") as file, tqdm(total=total, file=sys.stderr, **show) as bar:
        while chunk := response.read(_CHUNK):
            received += len(chunk)
            if received > limit:
                raise DataError(f"{response.url}: sends more than the {limit:,} bytes the file can have")
            file.write(chunk)
            bar.update(len(chunk))
    return received


@contextlib.contextmanager
def _lines(path: Path, report: Report) -> Iterator[None]:
    """Report the size of a file every few seconds if there is no terminal for a progress bar."""

    def describe() -> str:
        received = path.stat().st_size if path.exists() else 0
        return f"Fashion-MNIST: {path.name}, {received:,} bytes so far"

    if _has_terminal():
        yield
        return
    with contextlib.closing(Heartbeat(describe, report, heartbeat.LINE_SECONDS)):
        yield


def _has_terminal() -> bool:
    return sys.stderr.isatty()


def from_apt(folder: Path, report: Report) -> Path:
    """Download and unpack Debian's package; nothing is installed and root is not needed.

    Args:
        folder: Working folder, which must not exist.
        report: Called with a message before each slow step.

    Returns:
        The folder with the four gzipped files.

    Raises:
        DataError: A command is missing or fails; the message contains its first error.
    """
    for command in ("apt-get", "dpkg-deb"):
        if shutil.which(command) is None:
            raise DataError(f"{command} is not on this system")
    folder.mkdir()
    report(f"Fashion-MNIST: fetching Debian's package {DEBIAN_PACKAGE} (31 MB) with apt-get")
    with show_progress("Fashion-MNIST: apt-get is running", report=report):
        _apt_download(folder, report)
    package = next(folder.glob("*.deb"), None)
    if package is None:
        raise DataError("apt-get ended well but left no package")
    _run(["dpkg-deb", "-x", str(package), "unpacked"], folder)
    return folder / "unpacked" / DEBIAN_FOLDER.relative_to("/")


def _apt_download(folder: Path, report: Report) -> None:
    """Download the package with the system's package lists or, if that fails, with updated ones."""
    apt_get = ["apt-get", "-o", "Acquire::Retries=1", "-o", "APT::Update::Error-Mode=any"]
    for scheme in ("http", "https"):
        apt_get += ["-o", f"Acquire::{scheme}::Timeout={NETWORK_TIMEOUT}"]
    try:
        _run([*apt_get, "download", DEBIAN_PACKAGE], folder)
        return
    except DataError:
        report("Fashion-MNIST: reading Debian's package lists first, into a temporary folder")

    state, cache = folder / "state", folder / "cache"
    (state / "lists" / "partial").mkdir(parents=True)
    (cache / "archives" / "partial").mkdir(parents=True)
    for key, value in (("State", state), ("State::Lists", state / "lists"), ("Cache", cache)):
        apt_get += ["-o", f"Dir::{key}={value}"]
    update_problem = ""
    try:
        _run([*apt_get, "update"], folder)
    except DataError as error:  # a dead third-party source suffices, but Debian's lists may be updated
        update_problem = f", after {error} to the update"
    try:
        _run([*apt_get, "download", DEBIAN_PACKAGE], folder)
    except DataError as error:
        raise DataError(f"{error}{update_problem}") from None


def _run(command: Sequence[str], folder: Path) -> None:
    """Run a command in a folder.

    Raises:
        DataError: The command fails or takes too long; the message is its first error or, if there is none,
            its last line.
    """
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMMAND_TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise DataError(f"{command[0]} did not end within {COMMAND_TIMEOUT} s") from None
    except OSError as error:
        raise DataError(f"{command[0]} cannot be run: {error.strerror or error}") from error
    if done.returncode != 0:
        lines = [f"exit code {done.returncode}", *(done.stdout + done.stderr).strip().splitlines()]
        reason = next((line for line in lines if line.startswith("E: ")), lines[-1])
        raise DataError(f"{command[0]} says {reason.strip()!r}")
