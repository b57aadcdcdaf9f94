"""Tiny files in the formats of the known data sets; nothing is downloaded."""

import hashlib
import logging
import pickle
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from conftest import Compose
from torchvision import datasets

from dcgan_lightning.config.data import KNOWN_SHAPES
from dcgan_lightning.config.validate import validate
from dcgan_lightning.core.errors import ConfigError, DataError
from dcgan_lightning.data import TorchvisionDataModule
from dcgan_lightning.data.known import KNOWN

COUNT = 20
PIXELS = np.random.default_rng(0).integers(0, 256, (COUNT, 3, 32, 32), np.uint8)
LABELS = np.arange(COUNT, dtype=np.uint8) % 10


def idx(array: np.ndarray) -> bytes:
    header = b"\0\0\x08" + bytes([array.ndim])
    return header + b"".join(size.to_bytes(4) for size in array.shape) + array.tobytes()


def write_idx(folder: Path, prefix: str = "", first_label: int = 0) -> None:
    folder.mkdir(parents=True)
    for split in ("train", "test") if prefix else ("train", "t10k"):
        name = f"{prefix}{split}-"
        (folder / f"{name}images-idx3-ubyte").write_bytes(idx(PIXELS[:, 0, :28, :28]))
        (folder / f"{name}labels-idx1-ubyte").write_bytes(idx(LABELS + first_label))


def write_cifar10(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = root / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    lists: dict[str, list[tuple[str, str]]] = {"train_list": [], "test_list": []}
    for part, (key, name) in enumerate([("train_list", "data_batch_1"), ("test_list", "test_batch")]):
        data = pickle.dumps({"data": PIXELS.reshape(COUNT, -1), "labels": LABELS.tolist(), "part": part})
        (folder / name).write_bytes(data)
        lists[key].append((name, hashlib.md5(data).hexdigest()))
    meta = pickle.dumps({"label_names": ["airplane", "auto mobile", *map(str, range(8))]})
    (folder / "batches.meta").write_bytes(meta)
    for key, value in lists.items():
        monkeypatch.setattr(datasets.CIFAR10, key, value)
    about = {"filename": "batches.meta", "key": "label_names", "md5": hashlib.md5(meta).hexdigest()}
    monkeypatch.setattr(datasets.CIFAR10, "meta", about)


def write_svhn(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scipy_io = pytest.importorskip("scipy.io")
    root.mkdir(parents=True)
    labels = np.where(LABELS == 0, 10, LABELS)[:, None]  # as the files have it
    splits = {}
    for split in ("train", "test"):
        path = root / f"{split}_32x32.mat"
        scipy_io.savemat(path, {"X": PIXELS.transpose(2, 3, 1, 0), "y": labels})
        splits[split] = ["", path.name, hashlib.md5(path.read_bytes()).hexdigest()]
    monkeypatch.setattr(datasets.SVHN, "split_list", splits)


@pytest.fixture(params=KNOWN)
def files(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, Path]:
    """Return a data set's name and a folder with tiny files in torchvision's layout."""
    name, root = request.param, tmp_path / "files"
    if name == "cifar10":
        write_cifar10(root, monkeypatch)
    elif name == "svhn":
        write_svhn(root, monkeypatch)
    elif name == "emnist_letters":
        write_idx(root / "EMNIST" / "raw", "emnist-letters-", first_label=1)
    else:
        write_idx(root / name.upper() / "raw")
    return name, root


def test_images_labels_and_names(files: tuple[str, Path]) -> None:
    name, root = files
    datamodule = TorchvisionDataModule(name, batch_size=5, root=str(root))
    datamodule.prepare_data()
    datamodule.setup()
    size, channels = KNOWN_SHAPES[name]
    expected = torch.from_numpy(PIXELS[:, :channels, :size, :size])
    if name == "emnist_letters":
        expected = expected.mT
    assert torch.equal(datamodule.images, expected)
    assert torch.equal(datamodule.labels, torch.from_numpy(LABELS).long())
    assert torch.equal(datamodule.load_images("test"), expected)
    names = datamodule.fingerprint["data.class_names"]
    first = {"mnist": "0_zero", "kmnist": "o", "emnist_letters": "a", "cifar10": "airplane", "svhn": "0"}
    assert names[0] == first[name]
    assert len(names) == (26 if name == "emnist_letters" else 10)
    assert datamodule.fingerprint["data.content"] == hashlib.sha256(expected.numpy().tobytes()).hexdigest()


def test_damaged_files_are_one_line(files: tuple[str, Path]) -> None:
    name, root = files
    for path in root.rglob("*"):
        if path.is_file():
            path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(DataError, match=r"^data\.root=.*: .* is unavailable \(.*\); get the") as caught:
        TorchvisionDataModule(name, root=str(root)).prepare_data()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", KNOWN)
def test_a_missing_folder_is_named_by_its_key(name: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        TorchvisionDataModule(name, root=str(tmp_path / "gone")).prepare_data()
    assert str(caught.value).startswith(f"data.root={tmp_path / 'gone'} is not a folder that can be read; ")


@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_without_network_there_is_one_line_and_nothing_is_left(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(self: datasets.VisionDataset) -> None:
        Path(self.root, "half").write_bytes(b"of an archive")
        raise URLError("no route to host")

    monkeypatch.setattr(getattr(datasets, name.upper()), "download", fail)
    datamodule = TorchvisionDataModule(name, cache_dir=str(tmp_path / "cache"))
    with pytest.raises(DataError, match=r"is unavailable \(.*no route to host.*with data.root=FOLDER"):
        datamodule.prepare_data()
    assert not [*tmp_path.rglob("*")]


def test_files_are_downloaded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    calls = []

    def download(self: datasets.MNIST) -> None:
        if not calls:
            write_idx(Path(self.raw_folder))
        calls.append(self)

    monkeypatch.setattr(datasets.MNIST, "download", download)
    for _ in range(2):
        datamodule = TorchvisionDataModule("mnist", batch_size=5, cache_dir=str(tmp_path))
        datamodule.prepare_data()
        datamodule.setup()
    assert len(calls) == 2  # both splits, the first time
    assert caplog.text.count("downloading MNIST") == 1
    assert len(datamodule.images) == COUNT


def test_other_sizes_are_refused(compose_cfg: Compose) -> None:
    with pytest.raises(ConfigError, match=r"data=cifar10 has images of 32 x 32 pixels and 3 channels; leave"):
        validate(compose_cfg("data=cifar10", "data.size=64"))
    cfg = compose_cfg("data=svhn", "model=sngan")
    validate(cfg)
    assert (cfg.model.image_size, cfg.model.image_channels) == (32, 3)
