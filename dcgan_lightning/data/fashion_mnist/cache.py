"""The data cache: verified files, each there whole or not at all.

A process that is interrupted removes what it had begun. What a killed one leaves has a temporary name and is
removed by the next one (see `dcgan_lightning.core.temporaries`).
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dcgan_lightning.core.errors import RunFolderError
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.regular_files import read_file
from dcgan_lightning.core.temporaries import remove_leftovers, temporary_folder
from dcgan_lightning.data.cache_folder import can_be_listed, unwritable

LAYOUT = Path("FashionMNIST", "raw")  # torchvision's, below its root


def store(contents: Mapping[str, bytes], cache: Path) -> None:
    """Put verified content into the cache, except what it has already.

    Args:
        contents: Uncompressed content under each file's name.
        cache: The data cache.

    Raises:
        DataError: It cannot be written.
    """
    for name, content in contents.items():
        path = cache / LAYOUT / name
        if _is_same(path, content):
            continue
        try:
            write_atomic(path, content)
        except RunFolderError as error:
            raise unwritable(cache, error) from error


def _is_same(path: Path, content: bytes) -> bool:
    try:
        return read_file(path) == content
    except OSError:
        return False


@contextmanager
def workshop(cache: Path) -> Iterator[Path]:
    """Yield a temporary folder in the cache; it is gone at the end, whatever the end.

    Raises:
        DataError: The cache cannot be written.
    """
    with ExitStack() as stack:
        try:
            cache.mkdir(parents=True, exist_ok=True)
            folder = stack.enter_context(temporary_folder(cache, "fetch"))
        except OSError as error:
            raise unwritable(cache, error) from error
        yield folder


def remove_stale(cache: Path) -> None:
    """Remove the temporary files that killed processes left."""
    for folder in filter(can_be_listed, (cache, cache / LAYOUT)):
        remove_leftovers(folder)
