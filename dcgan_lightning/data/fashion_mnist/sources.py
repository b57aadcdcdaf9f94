"""Finds the images, verifies them and stores them in the data cache.

Sources are tried in order: the data cache, Debian's package folder, torchvision's mirrors, Debian's package
with apt-get. A folder given by the user replaces all of them. Only files with Fashion-MNIST's SHA-256 sums
enter the cache, and each is written atomically.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TypeVar

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.data.cache_folder import default_cache_dir
from dcgan_lightning.data.fashion_mnist import fetch
from dcgan_lightning.data.fashion_mnist.cache import LAYOUT, remove_stale, store, workshop
from dcgan_lightning.data.fashion_mnist.csv_sets import convert
from dcgan_lightning.data.fashion_mnist.fetch import DEBIAN_FOLDER, DEBIAN_PACKAGE, Report
from dcgan_lightning.data.fashion_mnist.folders import holds_files, only_folder, only_set, users_folder
from dcgan_lightning.data.fashion_mnist.idx import (
    FASHION_MNIST,
    check_pair,
    count_items,
    read_idx_bytes,
)
from dcgan_lightning.data.fashion_mnist.located import Located
from dcgan_lightning.data.fashion_mnist.names import IdxSet, find_sets, is_transposed

Read = TypeVar("Read")


def locate(
    root: str | Path | None = None,
    verify: bool = True,
    cache_dir: Path | None = None,
    report: Report = print,
    download: bool = True,
) -> Located:
    """Find the four IDX files, downloading them if necessary; CSV files are converted to them in the cache.

    Args:
        root: The only folder to use, with torchvision's layout or the files directly in it, gzipped or not,
            with names as in `dcgan_lightning.data.fashion_mnist.names`. ``FOLDER/emnist-letters`` chooses one
            of several sets in a folder. CSV files are used if there are no IDX files.
        verify: Require Fashion-MNIST. False: ``root`` may hold any set of 28 x 28 images, which is read in
            place unless it is in CSV files; labels and test images may be missing.
        cache_dir: The data cache; `default_cache_dir` if not given.
        report: Called with short messages about the search.
        download: Whether to use the network if the files are not found on this machine.

    Raises:
        DataError: ``root`` does not hold the files, the cache cannot be written, or no source has the files;
            in that case the message has one line per source.
    """
    if not verify:
        return _locate_unverified(root, cache_dir, report)
    cache = cache_dir or default_cache_dir()
    remove_stale(cache)
    if root:
        folder, name = users_folder(root)
        folder = only_folder(folder, [LAYOUT, Path()], name)
        return _keep(_read_all(folder, cache, name), cache, f"the folder {folder}", report)
    try:
        return _from_cache(cache, report)
    except DataError as error:
        return _from_elsewhere(cache, report, download, [f"the data cache {cache}: {error}"])


def _locate_unverified(root: str | Path | None, cache: Path | None, report: Report) -> Located:
    if not root:
        raise DataError("data.verify=false needs a folder to read; pass data.root=FOLDER")
    given, name = users_folder(root)
    layouts = [Path(), *sorted(path.relative_to(given) for path in given.glob("*/raw"))]
    folder = only_folder(given, layouts, name)
    name, candidates = only_set(folder, name)
    files = {}
    for key, paths in _without_csv(candidates, cache, verify=False).items():
        rank = len(FASHION_MNIST[key].shape)
        files[key] = _first_valid(paths, partial(read_idx_bytes, expected=None, rank=rank))[0]
    if "train_images" not in files:
        raise DataError(
            f"data.root={root} holds no training images; "
            f"add a file such as {FASHION_MNIST['train_images'].name}"
        )
    for split in ("train", "test"):
        if f"{split}_images" in files and f"{split}_labels" in files:
            check_pair(files[f"{split}_images"], files[f"{split}_labels"])
    return _described(
        Located(folder, f"the folder {folder} (not verified)", files, is_transposed(name)), report
    )


def _described(located: Located, report: Report) -> Located:
    """Report the contents of a set that is not verified."""
    parts = []
    for split, name in (("train", "training"), ("test", "test")):
        if path := located.files.get(f"{split}_images"):
            labels = "" if f"{split}_labels" in located.files else " without labels"
            parts.append(f"{count_items(read_idx_bytes(path, None, 3)):,} {name} images{labels}")
        else:
            parts.append(f"no {name} images")
    turned = "; stored by columns, as EMNIST is, and turned" if located.is_transposed else ""
    report(f"{located.source}: {', '.join(parts)}{turned}")
    return located


def _from_cache(cache: Path, report: Report) -> Located:
    folder = cache / LAYOUT
    if not holds_files(folder):
        raise DataError("empty")
    try:
        contents = _read_all(folder, cache)
        store(contents, cache)  # unpacks files that a user may have put there gzipped
    except DataError as error:
        report(f"Fashion-MNIST: the data cache is incomplete or damaged, looking elsewhere: {error}")
        raise
    report("Fashion-MNIST: found in the data cache, verified")
    return _located_in(cache, "the data cache")


def _located_in(cache: Path, source: str) -> Located:
    folder = cache / LAYOUT
    return Located(folder, source, {key: folder / file.name for key, file in FASHION_MNIST.items()})


def _from_elsewhere(cache: Path, report: Report, download: bool, attempts: list[str]) -> Located:
    with workshop(cache) as folder:
        for source, bring in _sources(folder, report, download):
            try:
                contents = _read_all(bring(), cache)
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
            f"To fix this, install Debian's package {DEBIAN_PACKAGE}, or put the four files ({names}) into a "
            f"folder and pass data.root=FOLDER (or set DCGAN_DATA_DIR to a data cache that has them).",
        ]
    )


def _keep(contents: dict[str, bytes], cache: Path, source: str, report: Report) -> Located:
    store(contents, cache)
    report(f"Fashion-MNIST: taken from {source}, verified, kept in the data cache {cache}")
    return _located_in(cache, source)


def _read_all(folder: Path, cache: Path, name: str | None = None) -> dict[str, bytes]:
    """Read and verify the four files of a folder.

    Args:
        folder: Folder of the files.
        cache: The data cache, for converted CSV files.
        name: Prefix of their names (see `find_sets`); None: any prefix, since the content is verified.

    Returns:
        The uncompressed content by the file's usual name.
    """
    candidates: IdxSet = {}
    for found, files in find_sets(folder).items():
        if name in (None, found):
            for key, paths in files.items():
                candidates.setdefault(key, []).extend(paths)
    candidates = _without_csv(candidates, cache, verify=True)
    contents = {}
    for key, file in FASHION_MNIST.items():
        paths = candidates.get(key, [folder / file.name])
        contents[file.name] = _first_valid(paths, partial(read_idx_bytes, expected=file))[1]
    return contents


def _without_csv(files: IdxSet, cache: Path | None, verify: bool) -> IdxSet:
    """Return the files of a set with IDX files in place of its CSV files (see `convert`)."""
    replaced = {key: paths for key, paths in files.items() if not key.endswith("_csv")}
    for split in ("train", "test"):
        if paths := files.get(f"{split}_csv"):
            read = partial(convert, split=split, cache=cache or default_cache_dir(), verify=verify)
            replaced |= {key: [path] for key, path in _first_valid(paths, read)[1].items()}
    return replaced


def _first_valid(paths: Iterable[Path], read: Callable[[Path], Read]) -> tuple[Path, Read]:
    """Return the first intact one of several copies of a file, and what is read from it.

    Raises:
        DataError: No copy is intact; the message has a reason for each.
    """
    reasons = []
    for path in paths:
        try:
            return path, read(path)
        except DataError as error:
            reasons.append(error)
    if len(reasons) == 1:
        raise reasons[0]
    raise DataError(f"no copy is valid: {', and '.join(map(str, reasons))}")
