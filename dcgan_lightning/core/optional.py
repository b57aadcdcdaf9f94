"""Steps of a training that may fail: what a run shows, as opposed to what it can be resumed from."""

import contextlib
import logging
from collections.abc import Iterator

log = logging.getLogger(__name__)


class OptionalSteps:
    """Turn failures into warnings, one for each kind of step.

    For pictures, tables, scores and trackers. Checkpoints are not optional: a failure there ends the run.
    """

    def __init__(self) -> None:
        self._reported: set[str] = set()

    @contextlib.contextmanager
    def __call__(self, failure: str) -> Iterator[None]:
        """Run a block that ends at its first error; the program continues after it.

        Args:
            failure: What an error means, as "the film was not written". It is reported once.
        """
        try:
            yield
        except Exception as error:
            if failure not in self._reported:
                self._reported.add(failure)
                reason = " ".join(str(error).split()) or type(error).__name__
                log.warning("%s: %s; this is reported once", failure, reason)
