"""The same work for many things, on all cores."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from dcgan_lightning.core.cores import available_cores

Item = TypeVar("Item")
Result = TypeVar("Result")

_AHEAD = 16  # results a thread may be ahead of who takes them: memory stays bounded


def map_in_threads(
    function: Callable[[Item], Result], items: Iterable[Item], threads: int | None = None
) -> Iterator[Result]:
    """Yield the result for each item, in order; for functions that release Python's lock while they work.

    If the iteration is ended early, by an exception too, what has not begun is not done.

    Args:
        function: Called in several threads at once.
        items: Taken up only as results are.
        threads: As many as this process may use cores if not given.
    """
    threads = threads or available_cores()
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="map") as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) >= _AHEAD * threads:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
