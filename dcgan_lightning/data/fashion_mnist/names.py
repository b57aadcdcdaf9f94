"""File names of published IDX sets, MNIST's, Kaggle's and EMNIST's, and of CSV files, raw or packed.

Recognized forms, case-insensitively: ``train-images-idx3-ubyte``, ``t10k-labels.idx1-ubyte``, the same with
``.gz``, ``emnist-letters-test-images-idx3-ubyte``, and a folder of such a name that holds the file, which
Kaggle's archives unpack to; ``fashion-mnist_train.csv``, the same with ``.gz`` or ``.zip``.
"""

import re
from collections.abc import Iterator
from pathlib import Path

_SPLITS = {"train": "train", "training": "train", "t10k": "test", "test": "test"}
_NAME = re.compile(
    r"(?P<set>.*?)[-_. ]?(?P<split>train|training|t10k|test)[-_. ](?P<kind>image|label)s?"
    r"[-_. ](idx[13]?([-_. ]ubyte)?|ubyte)(?P<packed>\.gz)?",
    re.IGNORECASE,
)

_TABLE = re.compile(
    r"(?P<set>.*?)[-_. ]?(?P<split>train|training|t10k|test)\.csv(?P<packed>\.gz|\.zip)?", re.IGNORECASE
)

# "train_images", "test_labels", ..., or "train_csv" and "test_csv": files that may be it, the raw ones first
IdxSet = dict[str, list[Path]]


def find_sets(folder: Path) -> dict[str, IdxSet]:
    """Return the IDX sets in a folder, or its CSV files if there are none.

    Args:
        folder: A folder that can be listed.

    Returns:
        The files of each set by the prefix of its file names in lower case, such as "emnist-letters"; the
        prefix is empty for MNIST's names.
    """
    sets: dict[str, IdxSet] = {}
    for path in sorted(folder.iterdir(), key=lambda path: (path.suffix.lower() == ".gz", path.name)):
        match = _NAME.fullmatch(path.name)
        if match and not path.name.startswith("."):  # macOS leaves "._train-images-idx3-ubyte"
            key = f"{_SPLITS[match['split'].lower()]}_{match['kind'].lower()}s"
            files = sets.setdefault(match["set"].lower(), {}).setdefault(key, [])
            files += _files_in(path) if path.is_dir() else [path]
    found = {
        name: present
        for name, files in sets.items()
        if (present := {key: paths for key, paths in files.items() if paths})
    }
    return found or _find_tables(folder)


def _find_tables(folder: Path) -> dict[str, IdxSet]:
    sets: dict[str, IdxSet] = {}
    for path in sorted(folder.iterdir(), key=lambda path: (path.suffix.lower() != ".csv", path.name)):
        match = _TABLE.fullmatch(path.name)
        if match and not path.name.startswith(".") and not path.is_dir():
            split = _SPLITS[match["split"].lower()]
            sets.setdefault(match["set"].lower(), {}).setdefault(f"{split}_csv", []).append(path)
    return sets


def _files_in(folder: Path) -> Iterator[Path]:
    """Yield the matching files in a folder that is named like an IDX file."""
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        return
    wanted = _NAME.fullmatch(folder.name)
    for path in inside:
        match = _NAME.fullmatch(path.name)
        if wanted and match and not path.is_dir() and _kind(match) == _kind(wanted):
            yield path


def _kind(match: re.Match[str]) -> tuple[str, str]:
    return _SPLITS[match["split"].lower()], match["kind"].lower()


def is_transposed(name: str) -> bool:
    """Return whether the images of a set (see `find_sets`) are stored by columns, as EMNIST's are."""
    return name.startswith("emnist")
