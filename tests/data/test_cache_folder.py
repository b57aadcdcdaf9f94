"""What is said of a data cache that cannot be written."""

import errno
import os
from pathlib import Path

import pytest

from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.data.cache_folder import unwritable

_CHOOSE = "choose a folder you can write with DCGAN_DATA_DIR=FOLDER or data.cache_dir=FOLDER"


@pytest.mark.parametrize("is_wrapped", [False, True])
@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.EROFS, _CHOOSE), (errno.EACCES, _CHOOSE), (errno.ENOSPC, f"free some space, or {_CHOOSE}")],
)
def test_the_systems_reason_and_one_remedy(number: int, remedy: str, is_wrapped: bool) -> None:
    error: Exception = OSError(number, os.strerror(number), "/cache/.temporary")
    if is_wrapped:
        outer = RunFolderError("cannot write /cache/x: ...; free some space or choose another folder")
        outer.__cause__, error = error, outer
    message = str(unwritable(Path("/cache"), error))
    assert message == f"the data cache /cache cannot be written ({os.strerror(number)}); {remedy}"
