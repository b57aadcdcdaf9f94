import struct
from pathlib import Path

import pytest
import torch

from dcgan_lightning.core.errors import DataError
from dcgan_lightning.data import FashionMNISTDataModule, SyntheticDataModule, normalize


@pytest.mark.real_data
def test_fashion_mnist() -> None:
    datamodule = FashionMNISTDataModule()
    datamodule.prepare_data()
    datamodule.setup()
    images = datamodule.images
    assert images.shape == (60_000, 1, 28, 28)
    assert images.dtype == torch.uint8
    assert (int(images.min()), int(images.max())) == (0, 255)
    # The data set's published mean and deviation in [0, 1] are 0.2860 and 0.3530.
    normalized = normalize(images)
    assert normalized.mean().item() == pytest.approx(2 * 0.2860 - 1, abs=1e-3)
    assert normalized.std().item() == pytest.approx(2 * 0.3530, abs=1e-3)


def test_synthetic_images_are_a_function_of_the_seed() -> None:
    def images(seed: int) -> torch.Tensor:
        datamodule = SyntheticDataModule(seed=seed, count=50, batch_size=8)
        datamodule.setup()
        return datamodule.images

    assert images(0).shape == (50, 1, 28, 28)
    assert torch.equal(images(0), images(0))
    assert not torch.equal(images(0), images(1))
    assert images(0).amax(dim=(1, 2, 3)).min() >= 120  # each has its shape
    assert images(0).amin(dim=(1, 2, 3)).max() == 0  # on black


def test_synthetic_colour() -> None:
    datamodule = SyntheticDataModule(count=8, batch_size=4, channels=3)
    datamodule.setup()
    assert datamodule.images.shape == (8, 3, 28, 28)


def test_a_batch_size_above_the_number_of_images_is_refused() -> None:
    with pytest.raises(DataError, match=r"data.batch_size must be at most 50"):
        SyntheticDataModule(count=50, batch_size=51).setup()


def test_a_folder_without_the_files_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=str(tmp_path)):
        FashionMNISTDataModule(root=str(tmp_path)).prepare_data()


def test_synthetic_splits_and_labels() -> None:
    datamodule = SyntheticDataModule(count=60, batch_size=4)
    datamodule.setup()
    train, labels = datamodule.load_split("train")
    test, _ = datamodule.load_split("test")
    assert torch.equal(train, datamodule.images)
    assert test.shape == train.shape
    assert not torch.equal(test, train)
    # A rectangle fills its box, an ellipse does not.
    lit = train[:, 0] > 0
    boxes = lit.any(dim=1).sum(dim=1) * lit.any(dim=2).sum(dim=1)
    assert torch.equal(lit.sum(dim=(1, 2)) == boxes, labels == 1)
    assert 20 < int(labels.sum()) < 40


@pytest.mark.real_data
def test_fashion_mnist_splits_and_labels() -> None:
    datamodule = FashionMNISTDataModule()
    datamodule.prepare_data()
    for split, count in (("train", 60_000), ("test", 10_000)):
        images, labels = datamodule.load_split(split)
        assert images.shape == (count, 1, 28, 28)
        assert labels.bincount().tolist() == [count // 10] * 10
    assert labels[:5].tolist() == [9, 2, 1, 1, 6]  # ankle boot, pullover, trouser, trouser, shirt


@pytest.mark.parametrize(
    ("module", "name", "source"),
    [
        (FashionMNISTDataModule(), "fashion_mnist", "Fashion-MNIST"),
        (FashionMNISTDataModule(root="/x"), "fashion_mnist", "Fashion-MNIST from data.root=/x"),
        (
            FashionMNISTDataModule(root="/x/KMNIST/raw", verify=False),
            "KMNIST",
            "data.root=/x/KMNIST/raw, not verified",
        ),
        (
            FashionMNISTDataModule(root="my set (2)/", verify=False),
            "my_set_2",
            "data.root=my set (2)/, not verified",
        ),
        (FashionMNISTDataModule(root="/", verify=False), "images", "data.root=/, not verified"),
        (SyntheticDataModule(), "synthetic", "synthetic data (made-up shapes)"),
    ],
)
def test_data_sets_are_named_in_files_and_messages(module, name, source):
    assert module.short_name == name
    assert module.source == source


def write_idx_set(folder: Path, labels: list[int]) -> torch.Tensor:
    """Write the training part of an IDX set; images are random."""
    drawn = torch.randint(256, (len(labels), 28, 28), generator=torch.Generator().manual_seed(0))
    images = drawn.to(torch.uint8)
    header = struct.pack(">4I", 0x803, len(labels), 28, 28)
    (folder / "train-images-idx3-ubyte").write_bytes(header + images.numpy().tobytes())
    (folder / "train-labels-idx1-ubyte").write_bytes(struct.pack(">2I", 0x801, len(labels)) + bytes(labels))
    return images.unsqueeze(1)


@pytest.mark.parametrize(
    ("count", "rows"),
    [(3, [0, 2, 5]), (4, [0, 1, 2, 5]), (7, [0, 1, 2, 3, 4, 5, 6]), (None, [0, 1, 2, 3, 4, 5, 6])],
)
def test_part_of_a_data_set(tmp_path: Path, count: int | None, rows: list[int]) -> None:
    images = write_idx_set(tmp_path, [0, 0, 1, 0, 1, 2, 1])
    data = FashionMNISTDataModule(len(rows), root=str(tmp_path), verify=False, count=count)
    data.setup()
    assert torch.equal(data.images, images[rows])
    assert data.labels.tolist() == [[0, 0, 1, 0, 1, 2, 1][row] for row in rows]
    for part, whole in zip(data.load_split("train"), (data.images, data.labels), strict=True):
        assert torch.equal(part, whole)


def test_a_part_that_is_too_large(tmp_path: Path) -> None:
    write_idx_set(tmp_path, [0, 1, 2])
    data = FashionMNISTDataModule(2, root=str(tmp_path), verify=False, count=4)
    with pytest.raises(DataError, match=r"data\.count must be at most 3, the number of images; got 4"):
        data.setup()


def test_part_of_a_data_set_without_labels(tmp_path: Path) -> None:
    images = write_idx_set(tmp_path, [0, 0, 1])
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    data = FashionMNISTDataModule(2, root=str(tmp_path), verify=False, count=2)
    data.setup()
    assert torch.equal(data.images, images[:2])
    assert data.labels is None
    assert data.source == f"the first 2 images of data.root={tmp_path}, not verified"
