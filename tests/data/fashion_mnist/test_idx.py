import gzip
import hashlib
import struct
import tracemalloc
import zlib

import pytest

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.data.fashion_mnist.idx import (
    FASHION_MNIST,
    IdxFile,
    check_labels,
    check_pair,
    is_gzipped,
    read_idx_bytes,
)

COUNT = 6
PIXELS = bytes(i * 7 % 251 for i in range(COUNT * 28 * 28))
IMAGES = struct.pack(">4I", 0x803, COUNT, 28, 28) + PIXELS
LABELS = struct.pack(">2I", 0x801, COUNT) + bytes([9, 0, 0, 3, 8, 1])
SIZE = len(IMAGES)  # 4,720 bytes
EXPECTED = IdxFile("train-images-idx3-ubyte", (COUNT, 28, 28), hashlib.sha256(IMAGES).hexdigest())
EXPECTED_LABELS = IdxFile("train-labels-idx1-ubyte", (COUNT,), hashlib.sha256(LABELS).hexdigest())


def images_header(*shape, magic=0x803):
    return struct.pack(f">{1 + len(shape)}I", magic, *shape)


def message_of(path, expected=EXPECTED):
    with pytest.raises(DataError) as caught:
        read_idx_bytes(path, expected)
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def flipped(data, position=-100):
    changed = bytearray(data)
    changed[position] ^= 0x10
    return bytes(changed)


def bomb(header, megabytes=64):
    """Gzipped: a header and then far more zeros than it promises."""
    packer = zlib.compressobj(1, wbits=31)
    pieces = [packer.compress(header)] + [packer.compress(bytes(2**20)) for _ in range(megabytes)]
    return b"".join([*pieces, packer.flush()])


def test_the_table_of_fashion_mnist_has_the_sizes_of_the_published_files():
    assert {key: (file.name, file.size) for key, file in FASHION_MNIST.items()} == {
        "train_images": ("train-images-idx3-ubyte", 47_040_016),
        "train_labels": ("train-labels-idx1-ubyte", 60_008),
        "test_images": ("t10k-images-idx3-ubyte", 7_840_016),
        "test_labels": ("t10k-labels-idx1-ubyte", 10_008),
    }
    assert all(len(file.sha256) == 64 for file in FASHION_MNIST.values())


@pytest.mark.parametrize("name", ["train-images-idx3-ubyte", "train-images-idx3-ubyte.gz", "anything"])
@pytest.mark.parametrize("expected", [EXPECTED, None], ids=["expected", "free"])
def test_raw_and_gzipped_files_are_told_apart_by_content(tmp_path, name, expected):
    path = tmp_path / name
    path.write_bytes(IMAGES)
    assert not is_gzipped(path)
    assert read_idx_bytes(path, expected) == IMAGES
    path.write_bytes(gzip.compress(IMAGES))
    assert is_gzipped(path)
    assert read_idx_bytes(path, expected) == IMAGES


def test_labels_are_read(tmp_path):
    path = tmp_path / EXPECTED_LABELS.name
    path.write_bytes(LABELS)
    assert read_idx_bytes(path, EXPECTED_LABELS) == LABELS
    assert read_idx_bytes(path, None) == LABELS


def test_a_single_label_is_read(tmp_path):
    path = tmp_path / "labels-idx1"
    path.write_bytes(images_header(1, magic=0x801) + b"\x07")
    assert read_idx_bytes(path, None)[8:] == b"\x07"


REMEDY = "; replace it with an intact copy of train-images-idx3-ubyte"
RAW_DAMAGE = {
    "0 bytes": (b"", "is empty (0 bytes)"),
    "3 bytes": (IMAGES[:3], "holds 3 bytes, less than an IDX header (16)"),
    "half a header": (IMAGES[:10], "holds 10 bytes, less than its header (16)"),
    "header only": (IMAGES[:16], "holds only 16 bytes, expected 4,720"),
    "half": (IMAGES[: SIZE // 2], "holds only 2,360 bytes, expected 4,720"),
    "one byte short": (IMAGES[:-1], "holds only 4,719 bytes, expected 4,720"),
    "two bytes more": (IMAGES + b"\0\0", "holds more than 4,720 bytes, expected 4,720"),
    "text": (b"Not Found\nsorry", "is text ('Not Found...'), not an IDX file"),
    "HTML": (b"\n<!DOCTYPE html><html>" * 99, "is a web page (HTML), not an IDX file"),
    "garbage": (
        b"\xde\xad\xbe\xef" * 99,
        "is not an IDX file: its first bytes are de ad be ef, expected 00 ",
    ),
    "larger count": (
        images_header(7, 28, 28) + PIXELS,
        "holds 7 x 28 x 28 values, expected 6 x 28 x 28 ",
    ),
    "count 0": (images_header(0, 28, 28), "holds 0 x 28 x 28 values, expected 6 x 28 x 28 values"),
    "count 2^31-1": (
        images_header(2**31 - 1, 28, 28) + PIXELS,
        "holds 2147483647 x 28 x 28 values, expected 6 x 28 x 28 values",
    ),
    "14 x 56": (images_header(6, 14, 56) + PIXELS, "holds 6 x 14 x 56 values, expected 6 x 28 x 28 values"),
    "labels": (LABELS, "holds labels (magic 0x00000801), expected images (magic 0x00000803)"),
    "no dimensions": (images_header(magic=0x800) + PIXELS, "holds values of 0 dimensions, expected images"),
    "float32": (
        images_header(6, 28, 28, magic=0xD03) + PIXELS,
        "holds values of type 0x0D, expected 0x08",
    ),
    "flipped bit": (flipped(IMAGES), "has the right form but not Fashion-MNIST's content (SHA-256 "),
}


@pytest.mark.parametrize(("content", "reason"), RAW_DAMAGE.values(), ids=RAW_DAMAGE)
def test_damage_to_a_raw_file_is_named(tmp_path, content, reason):
    path = tmp_path / EXPECTED.name
    path.write_bytes(content)
    message = message_of(path)
    assert message.startswith(reason)
    assert message.endswith(REMEDY)


@pytest.mark.parametrize(("content", "reason"), RAW_DAMAGE.values(), ids=RAW_DAMAGE)
def test_damage_inside_a_gzipped_file_is_named_in_the_same_words(tmp_path, content, reason):
    path = tmp_path / f"{EXPECTED.name}.gz"
    path.write_bytes(gzip.compress(content))
    message = message_of(path)
    assert message.startswith(f"is gzipped and, unpacked, {reason}")
    assert message.endswith(REMEDY)


def test_another_data_set_of_the_same_form_gets_both_sums_and_the_way_to_use_it(tmp_path):
    other = flipped(IMAGES)
    path = tmp_path / EXPECTED.name
    path.write_bytes(other)
    message = message_of(path)
    assert hashlib.sha256(other).hexdigest()[:16] in message
    assert EXPECTED.sha256[:16] in message
    assert "another data set needs data.verify=false" in message


CUT_SHORT = "Compressed file ended before the end-of-stream marker was reached"
PACKED = gzip.compress(IMAGES)
GZIP_DAMAGE = {
    "truncated": (
        PACKED[: len(PACKED) // 2],
        CUT_SHORT,
    ),
    "no trailer": (PACKED[:-8], CUT_SHORT),
    "magic only": (PACKED[:2], CUT_SHORT),
    "garbage": (b"\x1f\x8b" + b"\xde\xad" * 50, "Unknown compression method"),
    "garbage within": (PACKED[:10] + b"\xff" * 50, "Error -3 while decompressing data"),
    "bad CRC": (PACKED[:-8] + flipped(PACKED[-8:-4], 0) + PACKED[-4:], "CRC check failed"),
    "bad length": (PACKED[:-4] + flipped(PACKED[-4:], 0), "Incorrect length of data produced"),
    "garbage behind": (PACKED + b"\xde\xad\xbe\xef", "Not a gzipped file"),
}


@pytest.mark.parametrize(("content", "reason"), GZIP_DAMAGE.values(), ids=GZIP_DAMAGE)
def test_damage_to_the_compression_is_named(tmp_path, content, reason):
    path = tmp_path / f"{EXPECTED.name}.gz"
    path.write_bytes(content)
    message = message_of(path)
    assert message.startswith(f"damaged gzip data ({reason}")
    assert message.endswith(REMEDY)


def test_an_empty_gzip_file_is_empty(tmp_path):
    path = tmp_path / f"{EXPECTED.name}.gz"
    path.write_bytes(gzip.compress(b""))
    assert message_of(path) == f"is gzipped and, unpacked, is empty (0 bytes){REMEDY}"


def test_a_gz_name_does_not_make_a_gzip_file(tmp_path):
    path = tmp_path / f"{EXPECTED.name}.gz"
    path.write_bytes(b"xx" * 40)
    assert message_of(path).startswith("is text ('xxxxxxxxxxxxxxxx...'), not an IDX file")


def test_a_missing_file_is_named_with_both_names_it_may_have(tmp_path):
    path = tmp_path / EXPECTED.name
    assert message_of(path) == "missing; put train-images-idx3-ubyte or train-images-idx3-ubyte.gz there"


def test_a_folder_is_not_a_file(tmp_path):
    path = tmp_path / EXPECTED.name
    path.mkdir()
    assert message_of(path) == f"is not a regular file{REMEDY}"


def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    path = tmp_path / EXPECTED.name
    path.write_bytes(IMAGES)

    def refuse(*args):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    assert message_of(path) == "cannot be read (Permission denied); check its permissions and its disk"


@pytest.mark.parametrize("expected", [EXPECTED, None], ids=["expected", "free"])
def test_a_gzip_bomb_costs_no_memory(tmp_path, expected):
    path = tmp_path / f"{EXPECTED.name}.gz"
    path.write_bytes(bomb(images_header(COUNT, 28, 28)))
    tracemalloc.start()
    message = message_of(path, expected)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message.startswith("is gzipped and, unpacked, holds more than 4,720 bytes, expected 4,720")
    assert peak < 2 * 2**20  # of the 64 MiB in the file


def test_a_false_promise_costs_no_memory(tmp_path):
    path = tmp_path / "images-idx3-ubyte"
    count = 2_700_000  # 2.1 GB, just below the limit
    path.write_bytes(images_header(count, 28, 28) + PIXELS)
    tracemalloc.start()
    message = message_of(path, None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message.startswith(f"holds only 4,720 bytes, expected {16 + count * 784:,}")
    assert peak < 2 * 2**20


FREE_DAMAGE = {
    "no images": (images_header(0, 28, 28), "holds 0 items, expected at least 1"),
    "no labels": (images_header(0, magic=0x801), "holds labels (magic 0x00000801), expected images"),
    "count 2^31-1": (
        images_header(2**31 - 1, 28, 28) + PIXELS,
        "promises 1,683,627,179,264 bytes, more than the limit of 2,147,483,648",
    ),
    "one byte short": (IMAGES[:-1], "holds only 4,719 bytes, expected 4,720"),
    "one byte more": (IMAGES + b"\0", "holds more than 4,720 bytes, expected 4,720"),
}


@pytest.mark.parametrize(("content", "reason"), FREE_DAMAGE.values(), ids=FREE_DAMAGE)
def test_other_sets_are_checked_as_far_as_they_can_be(tmp_path, content, reason):
    path = tmp_path / "t10k-images-idx3-ubyte"
    path.write_bytes(content)
    message = message_of(path, None)
    assert message.startswith(reason)
    assert message.endswith("; replace it with an intact copy of t10k-images-idx3-ubyte")


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["raw", "gzipped"])
@pytest.mark.parametrize("size", [(32, 32), (14, 56), (27, 28), (1, 1), (224, 224)])
def test_images_of_another_size_are_not_called_damaged(tmp_path, size, pack):
    path = tmp_path / "t10k-images-idx3-ubyte"
    height, width = size
    path.write_bytes(pack(images_header(2, *size) + bytes(2 * height * width)))
    assert message_of(path, None).removeprefix("is gzipped and, unpacked, ") == (
        f"holds images of {height} x {width} pixels, expected 28 x 28; resize them, or use another data set"
    )


def write_pair(folder, images, labels):
    images_path, labels_path = folder / "train-images-idx3-ubyte", folder / "train-labels-idx1-ubyte.gz"
    images_path.write_bytes(images)
    labels_path.write_bytes(gzip.compress(labels))
    return images_path, labels_path


def test_a_good_pair_is_counted(tmp_path):
    assert check_pair(*write_pair(tmp_path, IMAGES, LABELS)) == COUNT


def test_fewer_labels_than_images_are_refused(tmp_path):
    images, labels = write_pair(tmp_path, IMAGES, images_header(3, magic=0x801) + bytes(3))
    with pytest.raises(DataError) as caught:
        check_pair(images, labels)
    assert str(caught.value) == (
        f"{labels}: holds 3 labels for the 6 images of train-images-idx3-ubyte; "
        "replace one of the two, so that they belong together"
    )


def test_a_label_of_255_is_refused_where_labels_are_needed(tmp_path):
    content = LABELS[:-2] + b"\xff\x01"
    images, labels = write_pair(tmp_path, IMAGES, content)
    assert check_pair(images, labels) == COUNT  # EMNIST's letters have 26 classes: training needs no labels
    with pytest.raises(DataError) as caught:
        check_labels(labels, content)
    assert str(caught.value).startswith(f"{labels}: label 4 is 255, expected 0 to 9; ")


def test_labels_of_0_and_9_are_accepted(tmp_path):
    check_labels(tmp_path, LABELS)
    with pytest.raises(DataError, match="label 0 is 10, expected 0 to 9"):
        check_labels(tmp_path, LABELS[:8] + b"\x0a")


@pytest.mark.parametrize(("rank", "content", "found"), [(3, LABELS, "labels"), (1, IMAGES, "images")])
def test_what_a_file_must_hold_can_be_given_where_its_name_does_not_say_it(tmp_path, rank, content, found):
    path = tmp_path / "anything"
    path.write_bytes(content)
    assert read_idx_bytes(path, None) == content
    with pytest.raises(DataError, match=f"holds {found} "):
        read_idx_bytes(path, None, rank)


@pytest.mark.parametrize("swap", ["images", "labels"])
def test_images_and_labels_in_each_others_place_are_refused(tmp_path, swap):
    content = {"images": (LABELS, LABELS), "labels": (IMAGES, IMAGES)}[swap]
    with pytest.raises(DataError, match=rf"holds .*, expected {swap} \(magic"):
        check_pair(*write_pair(tmp_path, *content))
