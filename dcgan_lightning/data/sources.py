"""Where the images come from: found, verified and kept in the data cache.

Sources are tried in order: the data cache, Debian's package folder, torchvision's mirrors, Debian's package
through apt-get. A folder given by the user is used instead of all of them. Whatever the source, only files
with Fashion-MNIST's SHA-256 sums enter the cache, and each enters it whole or not at all.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dcgan_lightning.data import fetch
from dcgan_lightning.data.cache import LAYOUT, can_be_listed, remove_stale, store, workshop
from dcgan_lightning.data.fetch import DEBIAN_FOLDER, DEBIAN_PACKAGE, Report
from dcgan_lightning.data.idx import FASHION_MNIST, check_pair, is_gzipped, read_idx_bytes
from dcgan_lightning.errors import DataError

if TYPE_CHECKING:
    from torch import Tensor

Split = Literal["train", "test"]


@dataclass(frozen=True)
class Located:
    """The four files, checked.

    Attributes:
        folder: Holds them under their usual names; uncompressed, except in a folder that is not verified.
        source: Where they came from, to be read in a sentence.
    """

    folder: Path
    source: str


def default_cache_dir() -> Path:
    """Return the data cache: ``DCGAN_DATA_DIR``, else ``dcgan_lightning`` in the user's cache folder.

    Raises:
        DataError: The user has no home folder.
    """
    if chosen := os.environ.get("DCGAN_DATA_DIR"):
        return Path(os.path.expanduser(chosen)).absolute()
    if caches := os.environ.get("XDG_CACHE_HOME"):
        return Path(caches, "dcgan_lightning")
    try:
        return Path.home() / ".cache" / "dcgan_lightning"
    except RuntimeError:
        raise DataError("no home folder for the data cache; set DCGAN_DATA_DIR=FOLDER") from None


def locate(
    root: str | Path | None = None,
    verify: bool = True,
    cache_dir: Path | None = None,
    report: Report = print,
    download: bool = True,
) -> Located:
    """Find the four IDX files, fetching them where necessary.

    Args:
        root: Folder to use and no other: torchvision's layout or the bare files, gzipped or not.
        verify: Demand Fashion-MNIST itself. Off, ``root`` may hold any set of 28 x 28 images with ten
            classes, which is used where it lies.
        cache_dir: The data cache; `default_cache_dir` if not given.
        report: Takes short sentences on what is found and done.
        download: Go to the network if nothing is found on this machine.

    Raises:
        DataError: ``root`` does not hold what it should, the cache cannot be written, or no source has the
            files; then the message has one line for each source.
    """
    if not verify:
        return _locate_unverified(root)
    cache = cache_dir or default_cache_dir()
    remove_stale(cache)
    if root:
        folder = _only_folder(_users_folder(root), [LAYOUT, Path()])
        return _keep(_read_all(folder), cache, f"the folder {folder}", report)
    try:
        return _from_cache(cache, report)
    except DataError as error:
        return _from_elsewhere(cache, report, download, [f"the data cache {cache}: {error}"])


def load_images(located: Located, split: Split, verify: bool) -> "Tensor":
    """Read the images of a split, through torchvision.

    Args:
        located: What `locate` returned.
        split: Which images.
        verify: Compare the SHA-256 sum once more.

    Returns:
        uint8 (N, 28, 28).

    Raises:
        DataError: The file has been damaged since it was located.
    """
    from torchvision.datasets.mnist import read_image_file

    return _through_torchvision(read_image_file, located, f"{split}_images", verify)


def load_labels(located: Located, split: Split, verify: bool) -> "Tensor":
    """Read the labels of a split, through torchvision.

    Args:
        located: What `locate` returned.
        split: Which labels.
        verify: Compare the SHA-256 sum once more.

    Returns:
        int64 (N,), 0 to 9.

    Raises:
        DataError: The file has been damaged since it was located.
    """
    from torchvision.datasets.mnist import read_label_file

    return _through_torchvision(read_label_file, located, f"{split}_labels", verify)


def _through_torchvision(
    read: Callable[[str], "Tensor"], located: Located, key: str, verify: bool
) -> "Tensor":
    """Check a file, then let torchvision read it, which only takes uncompressed ones."""
    file = FASHION_MNIST[key]
    path = _path_in(located.folder, file.name)
    content = read_idx_bytes(path, file if verify else None)
    if not is_gzipped(path):
        return read(str(path))
    try:
        with tempfile.TemporaryDirectory() as folder:
            unpacked = Path(folder, file.name)
            unpacked.write_bytes(content)
            return read(str(unpacked))
    except OSError as error:
        raise DataError(f"{path}: cannot be unpacked ({error}); unpack it yourself, with gunzip") from error


def _locate_unverified(root: str | Path | None) -> Located:
    if not root:
        raise DataError("data.verify=false needs a folder to read; pass data.root=FOLDER")
    root = _users_folder(root)
    layouts = [Path(), *sorted(path.relative_to(root) for path in root.glob("*/raw"))]
    folder = _only_folder(root, layouts)
    for split in ("train", "test"):
        images, labels = FASHION_MNIST[f"{split}_images"], FASHION_MNIST[f"{split}_labels"]
        check_pair(_path_in(folder, images.name), _path_in(folder, labels.name))
    return Located(folder, f"the folder {folder} (not verified)")


def _from_cache(cache: Path, report: Report) -> Located:
    folder = cache / LAYOUT
    if not _holds_files(folder):
        raise DataError("empty")
    try:
        contents = _read_all(folder)
        if any(is_gzipped(_path_in(folder, name)) for name in contents):  # a user put them there
            store(contents, cache)
    except DataError as error:
        report(f"Fashion-MNIST: the data cache is incomplete or damaged, looking elsewhere: {error}")
        raise
    report("Fashion-MNIST: found in the data cache, verified")
    return Located(folder, "the data cache")


def _from_elsewhere(cache: Path, report: Report, download: bool, attempts: list[str]) -> Located:
    with workshop(cache) as folder:
        for source, bring in _sources(Path(folder), report, download):
            try:
                contents = _read_all(bring())
            except (DataError, OSError) as error:  # OSError: no room to work in
                attempts.append(f"{source}: {error}")
            else:
                return _keep(contents, cache, source, report)
    if not download:
        attempts.append("the network: not tried, downloads are switched off")
    raise DataError(_nothing_found(attempts))


def _sources(work_folder: Path, report: Report, download: bool) -> Iterator[tuple[str, Callable[[], Path]]]:
    """Yield the name of each source and a function that returns a folder with its files."""
    yield f"Debian's package folder {DEBIAN_FOLDER}", _debian_folder
    if not download:
        return
    for number, mirror in enumerate(fetch.mirrors()):
        name = f"download from {fetch.host(mirror)}"
        report(f"Fashion-MNIST: trying {name}")
        yield name, partial(fetch.from_mirror, mirror, work_folder / f"mirror_{number}", report)
    yield "Debian's package, fetched with apt-get", partial(fetch.from_apt, work_folder / "apt", report)


def _debian_folder() -> Path:
    if not DEBIAN_FOLDER.is_dir():
        raise DataError("not there")
    return DEBIAN_FOLDER


def _nothing_found(attempts: Iterable[str]) -> str:
    names = ", ".join(f"{file.name}.gz" for file in FASHION_MNIST.values())
    return "\n".join(
        [
            "Fashion-MNIST was not found and could not be fetched:",
            *(f"  {attempt}" for attempt in attempts),
            f"To mend it, install Debian's package {DEBIAN_PACKAGE}, or put the four files ({names}) into a "
            f"folder and pass data.root=FOLDER (or set DCGAN_DATA_DIR to a data cache that has them).",
        ]
    )


def _keep(contents: dict[str, bytes], cache: Path, source: str, report: Report) -> Located:
    store(contents, cache)
    report(f"Fashion-MNIST: taken from {source}, verified, kept in the data cache {cache}")
    return Located(cache / LAYOUT, source)


def _read_all(folder: Path) -> dict[str, bytes]:
    """Read and verify the four files of a folder.

    Returns:
        The uncompressed content under each file's name.
    """
    return {file.name: read_idx_bytes(_path_in(folder, file.name), file) for file in FASHION_MNIST.values()}


def _users_folder(root: str | Path) -> Path:
    folder = Path(os.path.expanduser(root))
    if not can_be_listed(folder):
        raise DataError(
            f"data.root={root} is not a folder that can be read; pass the folder with the four files"
        )
    return folder


def _only_folder(root: Path, layouts: Iterable[Path]) -> Path:
    """Return the folder below ``root`` that holds the files.

    Raises:
        DataError: None does, or more than one.
    """
    folders = [root / layout for layout in layouts]
    holding = [folder for folder in folders if _holds_files(folder)]
    if not holding:
        some = next(iter(FASHION_MNIST.values())).name
        raise DataError(
            f"data.root={root} holds none of the four files: neither {some} nor {some}.gz is in "
            f"{' or '.join(map(str, folders))}; put them there, or leave data.root out"
        )
    if len(holding) > 1:
        raise DataError(
            f"data.root={root} holds more than one set of files; choose one with data.root={holding[-1]}"
        )
    return holding[0]


def _holds_files(folder: Path) -> bool:
    return any(os.path.exists(_path_in(folder, file.name)) for file in FASHION_MNIST.values())


def _path_in(folder: Path, name: str) -> Path:
    """Return the raw file, or the gzipped one where that is all there is."""
    raw, gzipped = folder / name, folder / f"{name}.gz"
    return gzipped if os.path.exists(gzipped) and not os.path.exists(raw) else raw
