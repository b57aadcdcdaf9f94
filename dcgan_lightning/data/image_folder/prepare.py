"""Making the images of a folder: from files of all kinds to one set of one form."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.core.heartbeat import show_progress
from dcgan_lightning.core.regular_files import read_file
from dcgan_lightning.core.threads import map_in_threads
from dcgan_lightning.data.image_files import ImageForm, decode_image, silenced
from dcgan_lightning.data.image_folder.cache import (
    Prepared,
    make_room,
    place_of,
    read_prepared,
    store_of,
    writing,
)
from dcgan_lightning.data.image_folder.listing import ImageFile, Listing, list_images, printable

log = logging.getLogger(__name__)

Broken = Literal["skip", "refuse"]
"""What to do about a file of which no image can be made."""
_NAMED = 3  # skipped files that a message names


def find_prepared(
    root: str | Path, form: ImageForm, cache: Path, broken: Broken, limit: int, memory: int
) -> tuple[Listing, Prepared]:
    """Return the prepared images of a folder; the first time, and whenever its files changed, they are made.

    Args:
        root: The folder.
        form: What its files are made into.
        cache: The data cache.
        broken: What to do about a file of which no image can be made.
        limit: Bytes that all prepared sets may have together.
        memory: Bytes that the images may take up in memory; larger sets are mapped from the cache's file.

    Raises:
        DataError: There are no images, a file is broken and to be refused, or the cache cannot be written.
    """
    with show_progress(f"reading {root}", unit="files") as work:
        done = 0

        def advance(total: int) -> None:
            nonlocal done
            done += 1
            work.note = f"{done:,} of {total:,} files"

        listing = list_images(root, advance)
    if broken == "refuse" and listing.unusable:
        raise _refusal(root, *next(iter(listing.unusable.items())))
    place = place_of(cache, listing, form)
    try:
        prepared = read_prepared(place, listing, form, memory)
    except DataError as error:
        log.warning("%s; they are made again", error)
        prepared = None
    if prepared is None:
        for name in make_room(store_of(cache), place, _bytes_of(listing, form), limit):
            log.info("removed from the data cache to make room: %s", name)
        _prepare(root, listing, form, place, broken)
        prepared = read_prepared(place, listing, form, memory)
    if prepared is None:
        raise DataError(f"the prepared images in {place} were removed by another process; try again")
    if broken == "refuse" and prepared.skipped:
        raise _refusal(root, *next(iter(prepared.skipped.items())))
    return listing, prepared


def _bytes_of(listing: Listing, form: ImageForm) -> int:
    return len(listing.files) * form.channels * form.size**2


def _prepare(root: str | Path, listing: Listing, form: ImageForm, place: Path, broken: Broken) -> None:
    """Make all images and put them into the cache."""
    skipped: dict[str, str] = {}
    about = {"root": str(listing.root), "content": listing.content, "form": asdict(form)}
    log.info(
        "preparing %s images of %d x %d pixels, %.3g MB, into %s",
        f"{len(listing.files):,}",
        form.size,
        form.size,
        _bytes_of(listing, form) / 1e6,
        place,
    )

    def make(file: ImageFile) -> NDArray[np.uint8] | str:
        return _make(listing.root / file.path, file.digest, form)

    with (
        silenced(),
        show_progress("preparing", len(listing.files)) as work,
        writing(place, skipped, about) as writer,
    ):
        for file, result in zip(listing.files, map_in_threads(make, listing.files), strict=True):
            if isinstance(result, str):
                if broken == "refuse":
                    raise _refusal(root, file.path, result)
                skipped[file.path] = result
                work.note = f"{len(skipped):,} skipped"
            else:
                writer.add(result)
            work.advance()
        if len(skipped) == len(listing.files):
            path, reason = next(iter(skipped.items()))
            raise DataError(
                f"data.root={root}: none of the {len(skipped):,} files can be used; "
                f"{printable(path)}: {reason}; pass another folder"
            )


def _make(path: Path, digest: str, form: ImageForm) -> NDArray[np.uint8] | str:
    """Return the image of a file, or why there is none."""
    try:
        data = read_file(path)
        if hashlib.sha256(data).hexdigest() != digest:
            raise DataError(f"{path} was changed while it was read; start again")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}; start again") from error
    try:
        return decode_image(data, form)
    except DataError as error:
        return str(error)


def _refusal(root: str | Path, path: str, reason: str) -> DataError:
    return DataError(
        f"data.root={root}: {printable(path)}: {reason}; remove the file, or use data.broken=skip"
    )


def describe_skipped(skipped: Mapping[str, str], total: int) -> str:
    """Return which files are skipped and why, in one line; only the first ones are named."""
    named = [f"{printable(path)} ({reason})" for path, reason in [*skipped.items()][:_NAMED]]
    more = f" and {len(skipped) - _NAMED:,} more" if len(skipped) > _NAMED else ""
    return f"skipped {len(skipped):,} of {total:,} files: {', '.join(named)}{more}"
