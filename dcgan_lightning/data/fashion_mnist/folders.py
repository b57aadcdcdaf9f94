"""Resolves ``data.root`` to a folder and a set of files in it."""

import os
from collections.abc import Iterable
from pathlib import Path

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.core.shell import setting
from dcgan_lightning.data.cache_folder import can_be_listed
from dcgan_lightning.data.fashion_mnist.idx import FASHION_MNIST
from dcgan_lightning.data.fashion_mnist.names import IdxSet, find_sets


def users_folder(root: str | Path) -> tuple[Path, str | None]:
    """Return the folder given as ``data.root``, and the name of the set in it if that is given.

    Raises:
        DataError: ``data.root`` is neither a folder nor a set in a folder.
    """
    folder = Path(os.path.expanduser(root))
    if can_be_listed(folder):
        return folder, None
    if (
        not folder.exists()
        and can_be_listed(folder.parent)
        and folder.name.lower() in find_sets(folder.parent)
    ):
        return folder.parent, folder.name.lower()
    raise DataError(f"data.root={root} is not a folder that can be read; pass the folder with the files")


def only_folder(root: Path, layouts: Iterable[Path], name: str | None = None) -> Path:
    """Return the folder that holds the files.

    Args:
        root: The user's folder.
        layouts: Relative paths to search.
        name: Name of the set, if it is known to be directly in ``root``.

    Raises:
        DataError: No folder holds the files, or more than one does.
    """
    if name is not None:
        return root
    folders = [root / layout for layout in layouts]
    holding = [folder for folder in folders if holds_files(folder)]
    if not holding:
        some = next(iter(FASHION_MNIST.values())).name
        raise DataError(
            f"data.root={root} holds none of the four files: neither {some} nor {some}.gz (or "
            "fashion-mnist_train.csv) is in "
            f"{' or '.join(map(str, folders))}; put them there, or leave data.root out"
        )
    if len(holding) > 1:
        raise DataError(
            f"data.root={root} holds more than one set of files; choose one with "
            f"{setting('data.root', str(holding[-1]))}"
        )
    return holding[0]


def only_set(folder: Path, name: str | None) -> tuple[str, IdxSet]:
    """Return the name and the files of the requested set.

    Args:
        folder: A folder with at least one set.
        name: Name of the set; None: the only set.

    Raises:
        DataError: There is more than one set, and no name is given.
    """
    sets = find_sets(folder)
    if name is None and len(sets) > 1:
        named = sorted(found for found in sets if found)
        raise DataError(
            f"data.root={folder} holds more than one set of files ({', '.join(named)}"
            f"{' and files without such a name' if '' in sets else ''}); "
            f"choose one with {setting('data.root', str(folder / named[0]))}"
        )
    name = next(iter(sets)) if name is None else name
    return name, sets[name]


def holds_files(folder: Path) -> bool:
    """Return whether a folder contains a file of an IDX set."""
    return can_be_listed(folder) and bool(find_sets(folder))
