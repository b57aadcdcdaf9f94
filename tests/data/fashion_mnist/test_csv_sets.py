"""CSV files of a label and 784 pixels per row give the same images as IDX files, or one line of refusal."""

import gzip
import hashlib
import io
import os
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.data import FashionMNISTDataModule
from dcgan_lightning.data.fashion_mnist import csv_sets
from dcgan_lightning.data.fashion_mnist.csv_rows import read_rows
from dcgan_lightning.data.fashion_mnist.idx import FASHION_MNIST, IdxFile
from dcgan_lightning.data.fashion_mnist.sources import locate

COUNTS = {"train": 40, "test": 10}
HEADER = ",".join(["label", *(f"pixel{number}" for number in range(1, 785))])


def made_up(count: int, seed: int) -> np.ndarray:
    random = np.random.default_rng(seed)
    rows = random.integers(0, 256, (count, 785), dtype=np.uint8)
    rows[:, 0] = random.integers(0, 10, count)
    rows[:, 5:50] = 0
    return rows


ROWS = {split: made_up(count, seed) for seed, (split, count) in enumerate(COUNTS.items())}


def text_of(rows: np.ndarray, header: str | None = HEADER, end: str = "\n") -> bytes:
    lines = [*([header] if header else []), *(",".join(map(str, row)) for row in rows.tolist())]
    return "".join(line + end for line in lines).encode()


def zipped(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/fashion-mnist_train.csv", content)
        archive.writestr("__MACOSX/folder/._fashion-mnist_train.csv", b"\0")
    return packed.getvalue()


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DCGAN_DATA_DIR", str(tmp_path / "cache"))


def write_set(folder: Path, rows: dict[str, np.ndarray], end: str = "\n") -> Path:
    folder.mkdir(exist_ok=True)
    for split in rows:
        (folder / f"fashion-mnist_{split}.csv").write_bytes(text_of(rows[split], end=end))
    return folder


def write_idx(folder: Path, rows: dict[str, np.ndarray]) -> Path:
    folder.mkdir()
    for split, name in (("train", "train"), ("test", "t10k")):
        images = rows[split][:, 1:].tobytes()
        (folder / f"{name}-images-idx3-ubyte").write_bytes(
            struct.pack(">4I", 0x803, len(rows[split]), 28, 28) + images
        )
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(
            struct.pack(">2I", 0x801, len(rows[split])) + rows[split][:, 0].tobytes()
        )
    return folder


def loaded(root: Path, verify: bool) -> list[torch.Tensor]:
    datamodule = FashionMNISTDataModule(8, root=str(root), verify=verify)
    datamodule.prepare_data()
    return [part for split in ("train", "test") for part in datamodule.load_split(split)]


FORMS: dict[str, Callable[[np.ndarray], bytes]] = {
    "with a header": text_of,
    "without a header": lambda rows: text_of(rows, None),
    "quoted header": lambda rows: text_of(rows, ",".join(f'"{name}"' for name in HEADER.split(","))),
    "Windows": lambda rows: b"\xef\xbb\xbf" + text_of(rows, end="\r\n"),
    "byte order mark": lambda rows: b"\xef\xbb\xbf" + text_of(rows, None),
    "no last line feed": lambda rows: text_of(rows)[:-1],
    "blank lines at the end": lambda rows: text_of(rows) + b"\n\r\n",
    "leading zeros": lambda rows: text_of(rows, None).replace(b",0,", b",000,"),
    "gzip": lambda rows: gzip.compress(text_of(rows)),
    "ZIP": lambda rows: zipped(text_of(rows)),
}


@pytest.mark.parametrize("form", FORMS)
def test_all_forms_give_the_same_rows(tmp_path: Path, form: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(FORMS[form](ROWS["train"]))
    assert np.array_equal(read_rows(path), ROWS["train"])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_any_cut_into_blocks_gives_the_same_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(text_of(ROWS["test"], end=end))
    for size in (997, 2741, 5000, 30_011):
        monkeypatch.setattr("dcgan_lightning.data.fashion_mnist.csv_rows._BLOCK", size)
        assert np.array_equal(read_rows(path), ROWS["test"])


def test_the_same_bits_as_from_idx_files(tmp_path: Path) -> None:
    expected = loaded(write_idx(tmp_path / "idx", ROWS), verify=False)
    found = loaded(write_set(tmp_path / "csv", ROWS), verify=False)
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))


def test_files_are_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_set(tmp_path / "csv", ROWS)
    read = []
    monkeypatch.setattr(csv_sets, "read_rows", lambda path: read.append(path.name) or read_rows(path))
    first = loaded(root, verify=False)
    assert read == ["fashion-mnist_train.csv", "fashion-mnist_test.csv"]
    images = next((tmp_path / "cache" / "csv").glob("*train*/*images*"))
    images.write_bytes(images.read_bytes()[:-1] + b"\0")  # damaged: made again
    assert all(torch.equal(*pair) for pair in zip(loaded(root, verify=False), first, strict=True))
    assert read[2:] == ["fashion-mnist_train.csv"]
    write_set(root, {"test": ROWS["test"][::-1]})  # other content under the same name
    assert torch.equal(loaded(root, verify=False)[3], first[3].flip(0))
    assert read[3:] == ["fashion-mnist_test.csv"]


@pytest.fixture
def _known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The made-up rows are Fashion-MNIST's, in the order of `ROWS`."""
    folder = write_idx(tmp_path / "published", ROWS)
    for key, file in [*FASHION_MNIST.items()]:
        content = (folder / file.name).read_bytes()
        shape = (COUNTS[key.split("_")[0]], *file.shape[1:])
        known = IdxFile(file.name, shape, hashlib.sha256(content).hexdigest())
        monkeypatch.setitem(FASHION_MNIST, key, known)
    ranks = {split: np.argsort(csv_sets.sorted_order(rows)) for split, rows in ROWS.items()}
    np.savez(tmp_path / "order.npz", **ranks)
    monkeypatch.setattr(csv_sets, "ORDERS", tmp_path / "order.npz")


@pytest.mark.usefixtures("_known")
def test_rows_in_another_order_are_put_into_the_published_one(tmp_path: Path) -> None:
    order = {split: np.random.default_rng(7).permutation(count) for split, count in COUNTS.items()}
    root = write_set(tmp_path / "csv", {split: ROWS[split][order[split]] for split in ROWS})
    found = loaded(root, verify=True)
    expected = loaded(tmp_path / "published", verify=True)
    assert all(torch.equal(*pair) for pair in zip(found, expected, strict=True))
    assert locate(report=lambda line: None).source == "the data cache"  # and without data.root from now on


@pytest.mark.usefixtures("_known")
def test_another_content_is_not_verified(tmp_path: Path) -> None:
    other = ROWS["train"].copy()
    other[3, 100] ^= 1
    root = write_set(tmp_path / "csv", {**ROWS, "train": other})
    with pytest.raises(DataError, match=r"not Fashion-MNIST.s images; .* data\.verify=false") as caught:
        loaded(root, verify=True)
    assert str(caught.value).startswith(f"{root / 'fashion-mnist_train.csv'}: ")
    assert torch.equal(loaded(root, verify=False)[1], torch.from_numpy(other[:, 0]).long())


def test_the_shipped_orders_are_permutations() -> None:
    with np.load(csv_sets.ORDERS) as orders:
        for split, count in (("train", 60_000), ("test", 10_000)):
            assert np.array_equal(np.sort(orders[split]), np.arange(count))


def changed(line: int, column: int, value: str) -> bytes:
    """Return the training rows with another value in a line and column from 1; line 1 is the header."""
    lines = text_of(ROWS["train"]).split(b"\n")
    values = lines[line - 1].split(b",")
    values[column - 1] = value.encode()
    lines[line - 1] = b",".join(values)
    return b"\n".join(lines)


LINES = text_of(ROWS["train"]).split(b"\n")
EXPECTED = "expected 785: a label and 28 x 28 pixels"
WHOLE = "expected a whole number from 0 to 255"
FAULTS = {
    b"": "is empty",
    b"\n\n": "is empty",
    HEADER.encode(): "holds no rows of values",
    b"<!DOCTYPE html>": "is a web page (HTML), not a CSV file",
    b"id," + HEADER.encode()[6:] + b"\n1": "line 1 names the first column 'id', expected 'label'",
    b"pixel0,pixel1\n1,2": f"line 1 has 2 columns, {EXPECTED}",
    b"1,2,3\n": f"line 1 has 3 columns, {EXPECTED}",
    b"x" * 70_000: f"a line has more than 65,536 bytes, {EXPECTED}",
    changed(2, 1, "256"): f"line 2, column 1 holds '256', {WHOLE}",
    changed(41, 785, "-1"): f"line 41, column 785 holds '-1', {WHOLE}",
    changed(7, 300, "0.5"): f"line 7, column 300 holds '0.5', {WHOLE}",
    changed(7, 300, ""): f"line 7, column 300 holds '', {WHOLE}",
    changed(7, 300, " 5"): f"line 7, column 300 holds ' 5', {WHOLE}",
    changed(7, 300, "1000"): f"line 7, column 300 holds '1000', {WHOLE}",
    changed(7, 300, "²"): f"line 7, column 300 holds '²', {WHOLE}",
    changed(7, 300, "1,2"): f"line 7 has 786 columns, {EXPECTED}",
    changed(7, 300, "1\n2"): f"line 7 has 300 columns, {EXPECTED}",
    b"\n".join([*LINES[:9], b"", *LINES[9:]]): f"line 10 has 1 column, {EXPECTED}",
    b"\n".join(LINES)[:-4000]: "line 40 has ",
    b"\n".join(line.replace(b",", b";") for line in LINES): f"line 1 has 1 column, {EXPECTED}",
    text_of(ROWS["train"][:, :-1], None): f"line 1 has 784 columns, {EXPECTED}",
    gzip.compress(text_of(ROWS["train"]))[:-9]: "cannot be unpacked (Compressed file ended",
    b"PK\x03\x04" + bytes(100): "cannot be unpacked (File is not a zip file)",
}


@pytest.mark.parametrize(("content", "fault"), FAULTS.items(), ids=range(len(FAULTS)))
def test_a_fault_is_one_line_with_file_and_line(tmp_path: Path, content: bytes, fault: str) -> None:
    path = tmp_path / "mnist_train.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        locate(tmp_path, verify=False, report=lambda line: None)
    message = str(caught.value)
    assert message.startswith(f"{path}: {fault}")
    assert "\n" not in message
    assert "; " in message
    assert not (tmp_path / "cache").exists()


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mnist_train.csv")
    with pytest.raises(DataError, match=r"mnist_train.csv: cannot be read .*a pipe"):
        locate(tmp_path, verify=False, report=lambda line: None)


def test_idx_files_come_before_csv_files(tmp_path: Path) -> None:
    folder = write_set(write_idx(tmp_path / "both", ROWS), {"train": ROWS["test"]})
    located = locate(folder, verify=False, report=lambda line: None)
    assert located.files["train_images"] == folder / "train-images-idx3-ubyte"


def test_one_of_several_sets_is_chosen_by_name(tmp_path: Path) -> None:
    for name in ("emnist-letters-train.csv", "mnist_train.csv"):
        (tmp_path / name).write_bytes(text_of(ROWS["train"], None))
    with pytest.raises(DataError, match=r"more than one set of files \(emnist-letters, mnist\)"):
        locate(tmp_path, verify=False, report=lambda line: None)
    assert locate(tmp_path / "emnist-letters", verify=False, report=lambda line: None).is_transposed


def test_ten_thousand_rows_a_second(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(text_of(made_up(250, 0)) + text_of(made_up(250, 1), None) * 7)
    started = time.process_time()
    assert len(read_rows(path)) == 2000
    assert 2000 / (time.process_time() - started) > 10_000
