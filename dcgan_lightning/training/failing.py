"""How the processes of a job fail together: process 0 says why, in one line, and the others are silent."""

import contextlib
from collections.abc import Iterator

from dcgan_lightning.config.messages import one_line
from dcgan_lightning.core.errors import DCGANError
from dcgan_lightning.core.meetings import hand_over
from dcgan_lightning.core.processes import is_first_process


@contextlib.contextmanager
def failing_together() -> Iterator[None]:
    """Run the block; an error that is a user's to mend is handed over to process 0, where that is possible.

    Raises:
        DCGANError: The block's; ``is_shared`` tells whether process 0 says it.
    """
    try:
        yield
    except DCGANError as error:
        if not (is_first_process() or error.is_shared):
            error.is_shared = hand_over(one_line(error))
        raise
