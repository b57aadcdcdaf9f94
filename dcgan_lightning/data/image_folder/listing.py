"""Which image files a folder holds, their content and their classes."""

import hashlib
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.core.regular_files import read_file
from dcgan_lightning.core.threads import map_in_threads
from dcgan_lightning.data.cache_folder import can_be_listed
from dcgan_lightning.data.image_files import FORMATS, SUFFIXES

MAXIMUM_BYTES = 500_000_000  # of a file


@dataclass(frozen=True, order=True)
class ImageFile:
    """An image file.

    Attributes:
        digest: SHA-256 sum of its content, in hexadecimal digits.
        path: Below the folder, with "/" between its parts.
    """

    digest: str
    path: str


@dataclass(frozen=True)
class Listing:
    """The image files of a folder.

    Attributes:
        root: The folder.
        files: In the order of their sums: as good as random, the same wherever the folder lies.
        unusable: Files that cannot be read at all, and why.
    """

    root: Path
    files: tuple[ImageFile, ...]
    unusable: Mapping[str, str]

    @property
    def content(self) -> str:
        """The SHA-256 sum of what ``sha256sum`` prints for these files in the order of their paths."""
        lines = [f"{file.digest}  {file.path}\n" for file in sorted(self.files, key=lambda file: file.path)]
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()


def list_images(root: str | Path, advance: Callable[[int], None] = lambda total: None) -> Listing:
    """List the image files of a folder and of all folders below it, and sum up their content.

    Hidden files and files of other kinds are left out. Links to files are followed within the folder only,
    links to folders never: what they lead to within the folder is found anyway.

    Args:
        root: The folder, or a link to it.
        advance: Takes the number of files, for each one that has been read.

    Raises:
        DataError: It is not a folder, or holds no image files.
    """
    folder = Path(os.path.expanduser(root))
    if not can_be_listed(folder):
        raise DataError(f"data.root={root} is not a folder that can be read; pass the folder with the images")
    folder = folder.resolve()
    unusable: dict[str, str] = {}
    paths = sorted(_walk(folder, unusable))
    if not paths:
        reason = next((f"; {path}: {reason}" for path, reason in unusable.items()), "")
        raise DataError(
            f"data.root={root} holds no images ({', '.join(FORMATS)}), also not in the folders below "
            f"it{reason}; pass another folder"
        )
    files = []
    for path, (digest, reason) in zip(
        paths, map_in_threads(lambda path: _digest(folder / path), paths), strict=True
    ):
        if digest:
            files.append(ImageFile(digest, path))
        else:
            unusable[path] = reason
        advance(len(paths))
    return Listing(folder, tuple(sorted(files)), unusable)


def _walk(root: Path, unusable: dict[str, str]) -> Iterator[str]:
    """Yield the path of each image file below a folder, and note those that cannot be used."""

    def note(error: OSError) -> None:
        unusable[os.path.relpath(error.filename, root)] = error.strerror or str(error)

    for folder, folders, names in os.walk(root, onerror=note):
        folders[:] = [name for name in folders if not name.startswith(".")]
        below = Path(folder).relative_to(root)
        for name in folders:
            if (root / below / name).is_symlink():
                unusable[(below / name).as_posix()] = "a link to a folder, which is not followed"
        for name in names:
            if name.startswith(".") or os.path.splitext(name)[1].lower() not in SUFFIXES:
                continue
            path = (below / name).as_posix()
            if reason := _problem(root / path, root):
                unusable[path] = reason
            else:
                yield path


def _problem(path: Path, root: Path) -> str | None:
    """Return why a file is not to be read, or None."""
    try:
        if path.is_symlink() and not path.resolve().is_relative_to(root):
            return "a link that leads out of the folder"
        if (size := path.stat().st_size) > MAXIMUM_BYTES:
            return f"{size:,} bytes, more than {MAXIMUM_BYTES:,}"
    except (OSError, RuntimeError) as error:  # RuntimeError: links in a circle, before Python 3.13
        return getattr(error, "strerror", None) or "a link that leads nowhere"
    return None


def _digest(path: Path) -> tuple[str, str]:
    """Return the sum of a file's content and nothing, or nothing and why it cannot be read."""
    try:
        return hashlib.sha256(read_file(path)).hexdigest(), ""
    except OSError as error:
        return "", error.strerror or str(error)


def find_classes(files: Sequence[ImageFile]) -> tuple[tuple[str, ...], list[int]]:
    """Return the classes of files: the first of the folders on the way to each.

    Returns:
        The names in alphabetical order (see `printable`), and the number of each file's class; nothing if a
        file lies in no folder below the root.
    """
    parts = [file.path.split("/") for file in files]
    if any(len(path) == 1 for path in parts):
        return (), []
    names = sorted({path[0] for path in parts})
    numbers = {name: number for number, name in enumerate(names)}
    return tuple(map(printable, names)), [numbers[path[0]] for path in parts]


def printable(path: str) -> str:
    """Return a path that any terminal and file can show: what is not text is replaced."""
    return "".join(
        character if character.isprintable() else "?"
        for character in path.encode("utf-8", "replace").decode()
    )
