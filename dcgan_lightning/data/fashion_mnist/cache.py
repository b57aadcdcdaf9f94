"""The data cache: verified files that are written atomically.

An interrupted process removes its unfinished files. Those of a killed process have temporary names and are
removed by the next process (see `dcgan_lightning.core.temporaries`).
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
    """Write verified files into the cache, except those that it already has.

    Args:
        contents: Uncompressed content by file name.
        cache: The data cache.

    Raises:
        DataError: The cache cannot be written.
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
    """Yield a temporary folder in the cache, which is always removed at the end.

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
    """Remove the temporary files of killed processes."""
    for folder in filter(can_be_listed, (cache, cache / LAYOUT)):
        remove_leftovers(folder)
