"""Files drawn by another process while the training continues."""

from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.locks import Ownership, ownership_of
from dcgan_lightning.core.processes import end_with_parent
from dcgan_lightning.core.signals import ignore_signals


class Background:
    """A worker process that draws one file at a time; if it is killed, the files are drawn in this process.

    Before a file is begun the one before it is whole, so a process that is killed lacks the last one at most.
    The other process starts with the first file and ends with this one, however that ends.
    """

    def __init__(self) -> None:
        self._executor: ProcessPoolExecutor | None = None
        self._unfinished: Future[None] | None = None
        self._job: tuple[Path, Ownership | None, Callable[..., bytes], tuple[Any, ...]] | None = None

    def write(self, path: Path, draw: Callable[..., bytes], *arguments: Any) -> None:
        """Have ``draw(*arguments)`` written to a file, after the one before it.

        Args:
            path: Written atomically.
            draw: A function of a module, returns the file's content.
            arguments: Plain values and arrays; they are copied.

        Raises:
            RunFolderError: The file before this one could not be written.
        """
        self.wait()
        if self._executor is None:
            self._executor = ProcessPoolExecutor(1, get_context("spawn"), initializer=_prepare)
        self._job = (path, ownership_of(path), draw, arguments)
        try:
            self._unfinished = self._executor.submit(_write, *self._job)
        except BrokenProcessPool:
            self._draw_here()

    def wait(self) -> None:
        """Wait for the last file.

        Raises:
            RunFolderError: The last file could not be written.
        """
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is not None:
            try:
                unfinished.result()
            except BrokenProcessPool:
                self._draw_here()

    def close(self) -> None:
        """Finish the last file and end the other process.

        Raises:
            RunFolderError: The last file could not be written.
        """
        try:
            self.wait()
        finally:
            executor, self._executor = self._executor, None
            if executor is not None:
                executor.shutdown()

    def _draw_here(self) -> None:
        """Draw the file of a killed worker here; the next file gets a new worker."""
        executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown()
        if self._job is not None:
            _write(*self._job)


def _prepare() -> None:
    ignore_signals()  # the process that trains decides
    end_with_parent()


def _write(
    path: Path, owned: Ownership | None, draw: Callable[..., bytes], arguments: tuple[Any, ...]
) -> None:
    data = draw(*arguments)
    if owned is not None:  # by the process that trains
        owned.check()
    write_atomic(path, data)
