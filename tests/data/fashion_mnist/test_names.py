"""Data as people have it: names, copies, missing parts."""

import gzip
import hashlib
import itertools
import random
import struct
from pathlib import Path

import pytest
import torch

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.data import FashionMNISTDataModule
from dcgan_lightning.data.fashion_mnist import sources
from dcgan_lightning.data.fashion_mnist.idx import FASHION_MNIST, IdxFile
from dcgan_lightning.data.fashion_mnist.located import Located, load_images, load_labels
from dcgan_lightning.data.fashion_mnist.names import find_sets
from dcgan_lightning.data.fashion_mnist.sources import locate

KEYS = ("train_images", "train_labels", "test_images", "test_labels")
COUNTS = {"train": 6, "test": 4}
UPRIGHT = torch.randint(0, 256, (6, 28, 28), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def content_of(key: str, size: tuple[int, int] = (28, 28)) -> bytes:
    split, kind = key.split("_")
    count = COUNTS[split]
    if kind == "labels":
        return struct.pack(">2I", 0x801, count) + bytes(range(count))
    pixels = UPRIGHT[:count].numpy().tobytes() if size == (28, 28) else bytes(count * size[0] * size[1])
    return struct.pack(">4I", 0x803, count, *size) + pixels


def name_of(
    key: str, prefix: str = "", split: str | None = None, separator: str = "-", ending: str = ""
) -> str:
    kind, rank = {"images": ("images", 3), "labels": ("labels", 1)}[key.split("_")[1]]
    split = split or {"train": "train", "test": "t10k"}[key.split("_")[0]]
    return f"{prefix}{split}-{kind}{separator}idx{rank}-ubyte{ending}"


def write(path: Path, key: str, content: bytes | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = content_of(key) if content is None else content
    path.write_bytes(gzip.compress(content) if path.suffix.lower() == ".gz" else content)
    return path


def quiet(root: Path, **options: object) -> Located:
    return locate(root, False, report=lambda line: None, **options)


def refusal(root: Path) -> str:
    with pytest.raises(DataError) as caught:
        quiet(root)
    assert "\n" not in str(caught.value)
    return str(caught.value)


MNIST = {key: name_of(key) for key in KEYS}
PUBLISHED = {
    "MNIST": MNIST,
    "MNIST, gzipped": {key: f"{name}.gz" for key, name in MNIST.items()},
    "Kaggle": {key: name_of(key, separator=".") for key in KEYS},
    "Kaggle's folders": {key: f"{name}/{name}" for key, name in MNIST.items()},
    "EMNIST": {key: name_of(key, "emnist-letters-", {"te": "test"}.get(key[:2], "train")) for key in KEYS},
    "EMNIST, gzipped": {
        key: name_of(key, "emnist-digits-", {"te": "test"}.get(key[:2], "train"), ending=".gz")
        for key in KEYS
    },
    "upper case": {key: f"{name}.GZ".upper() for key, name in MNIST.items()},
    "another prefix": {key: f"fashion-{name}" for key, name in MNIST.items()},
}


@pytest.mark.parametrize("names", PUBLISHED.values(), ids=PUBLISHED)
def test_sets_under_the_names_they_are_published_under(tmp_path: Path, names: dict[str, str]) -> None:
    for key, name in names.items():
        write(tmp_path / name, key)
    (tmp_path / "._train-images-idx3-ubyte").write_bytes(b"\0\5\26\7")  # macOS
    (tmp_path / "readme.txt").write_text("about")
    located = quiet(tmp_path)
    turned = "emnist" in names["train_images"]
    for split in ("train", "test"):
        images = load_images(located, split, verify=False)
        upright = UPRIGHT[: COUNTS[split]]
        assert torch.equal(images, upright.transpose(1, 2) if turned else upright)
        assert load_labels(located, split, verify=False).tolist() == list(range(COUNTS[split]))


@pytest.mark.parametrize("seed", range(25))
def test_any_mixture_of_names(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    prefix = chance.choice(["", "my set ", "emnist-balanced-", "a_b.", "KMNIST_"])
    paths = {}
    for key in KEYS:
        split, kind = key.split("_")
        split = chance.choice({"train": ["train", "training"], "test": ["t10k", "test"]}[split])
        rank = {"images": 3, "labels": 1}[kind]
        first, second, third = (chance.choice("-_. ") for _ in range(3))
        ending = chance.choice([f"idx{rank}{third}ubyte", f"idx{rank}", "ubyte", "idx"])
        kind, packed = kind[: chance.choice([5, 6])], chance.choice(["", ".gz"])
        name = chance.choice([str, str.upper, str.title])(
            f"{prefix}{split}{first}{kind}{second}{ending}{packed}"
        )
        paths[key] = write(tmp_path / name, key)
    (found,) = find_sets(tmp_path).values()
    assert found == {key: [path] for key, path in paths.items()}
    assert quiet(tmp_path).files == paths


DAMAGES = (b"", b"<html>", content_of("train_images")[:-1], gzip.compress(content_of("train_images"))[:-9])


@pytest.mark.parametrize("damage", DAMAGES, ids=["empty", "html", "short", "short gzip"])
@pytest.mark.parametrize("damaged", ["raw", "gzipped"])
def test_of_two_copies_the_valid_one_is_used(tmp_path: Path, damaged: str, damage: bytes) -> None:
    raw = write(tmp_path / MNIST["train_images"], "train_images")
    packed = write(tmp_path / f"{MNIST['train_images']}.gz", "train_images")
    (raw if damaged == "raw" else packed).write_bytes(damage)
    located = quiet(tmp_path)
    assert located.files["train_images"] == (packed if damaged == "raw" else raw)
    assert torch.equal(load_images(located, "train", verify=False), UPRIGHT)


@pytest.mark.parametrize(("first", "second"), [*itertools.product(DAMAGES, repeat=2)])
def test_of_two_damaged_copies_both_are_named(tmp_path: Path, first: bytes, second: bytes) -> None:
    raw, packed = tmp_path / MNIST["train_images"], tmp_path / f"{MNIST['train_images']}.gz"
    raw.write_bytes(first)
    packed.write_bytes(second)
    message = refusal(tmp_path)
    assert message.startswith(f"no copy is valid: {raw}: ")
    assert f", and {packed}: " in message


@pytest.mark.parametrize("present", [set(c) for n in range(1, 5) for c in itertools.combinations(KEYS, n)])
def test_training_needs_training_images_only(tmp_path: Path, present: set[str]) -> None:
    for key in present:
        write(tmp_path / MNIST[key], key)
    module = FashionMNISTDataModule(batch_size=2, root=str(tmp_path), verify=False)
    if "train_images" not in present:
        assert refusal(tmp_path) == (
            f"data.root={tmp_path} holds no training images; add a file such as train-images-idx3-ubyte"
        )
        return
    module.prepare_data()
    module.setup()
    assert module.images.shape == (6, 1, 28, 28)
    for split, name in (("train", "training"), ("test", "test")):
        if f"{split}_images" in present:
            assert len(module.load_images(split)) == COUNTS[split]
        else:
            with pytest.raises(
                DataError, match=rf"^{tmp_path} holds no {name} images, which are needed here; "
            ):
                module.load_images(split)
        if {f"{split}_images", f"{split}_labels"} <= present:
            assert module.load_split(split)[1].tolist() == list(range(COUNTS[split]))
        else:
            with pytest.raises(DataError, match=rf"^{tmp_path} holds no .*; add a file such as ") as caught:
                module.load_split(split)
            assert "\n" not in str(caught.value)


def test_what_there_is_is_reported(tmp_path: Path) -> None:
    write(tmp_path / "emnist-letters-train-images-idx3-ubyte", "train_images")
    said: list[str] = []
    locate(tmp_path, False, report=said.append)
    assert said == [
        f"the folder {tmp_path} (not verified): 6 training images without labels, no test images; "
        "stored by columns, as EMNIST is, and turned"
    ]


def test_of_several_sets_in_a_folder_one_is_chosen_by_its_name(tmp_path: Path) -> None:
    for prefix in ("emnist-letters-", "emnist-digits-", ""):
        write(tmp_path / name_of("train_images", prefix, ending=".gz"), "train_images")
    assert refusal(tmp_path) == (
        f"data.root={tmp_path} holds more than one set of files (emnist-digits, emnist-letters and files "
        f"without such a name); choose one with data.root={tmp_path}/emnist-digits"
    )
    located = quiet(tmp_path / "EMNIST-Letters")
    assert located.folder == tmp_path
    assert [path.name for path in located.files.values()] == ["emnist-letters-train-images-idx3-ubyte.gz"]
    assert refusal(tmp_path / "emnist-mnist").startswith(f"data.root={tmp_path}/emnist-mnist is not a folder")


def test_letters_are_trained_on_and_their_classes_refused_where_ten_are_needed(tmp_path: Path) -> None:
    write(tmp_path / MNIST["train_images"], "train_images")
    write(
        tmp_path / MNIST["train_labels"],
        "train_labels",
        struct.pack(">2I", 0x801, 6) + bytes([1, 26, 2, 3, 4, 5]),
    )
    located = quiet(tmp_path)
    assert len(load_images(located, "train", verify=False)) == 6
    module = FashionMNISTDataModule(batch_size=3, root=str(tmp_path), verify=False)
    module.prepare_data()
    module.setup()
    assert len(module.images) == 6
    assert module.labels is not None
    assert module.labels.tolist() == [1, 26, 2, 3, 4, 5]
    with pytest.raises(DataError, match="label 1 is 26, expected 0 to 9"):
        load_labels(located, "train", verify=False)


def test_labels_under_the_name_of_images_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "train-images.ubyte", "train_labels")
    assert "holds labels (magic 0x00000801), expected images (magic 0x00000803)" in refusal(tmp_path)


def test_images_of_another_size_are_called_that(tmp_path: Path) -> None:
    write(tmp_path / MNIST["train_images"], "train_images", content_of("train_images", (32, 32)))
    assert refusal(tmp_path) == (
        f"{tmp_path / MNIST['train_images']}: holds images of 32 x 32 pixels, expected 28 x 28; "
        "resize them, or use another data set"
    )


def test_fashion_mnist_itself_may_have_kaggles_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in KEYS:
        content = content_of(key)
        shape = (COUNTS[key.split("_")[0]], *((28, 28) if "images" in key else ()))
        file = IdxFile(FASHION_MNIST[key].name, shape, hashlib.sha256(content).hexdigest())
        monkeypatch.setitem(sources.FASHION_MNIST, key, file)
        write(tmp_path / "mine" / name_of(key, separator=".", ending=".gz"), key)
        write(tmp_path / "mine" / name_of(key, separator="."), key, b"damaged")
    located = locate(tmp_path / "mine", cache_dir=tmp_path / "cache", report=lambda line: None)
    assert torch.equal(load_images(located, "train", verify=True), UPRIGHT)
