"""Two kinds of images without pairs: choosing them, serving them, and refusing what is none."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor

from dcgan_lightning.config.data import CHANGES as CHANGE_NAMES
from dcgan_lightning.core.errors import DataError
from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.data import FashionMNISTDataModule, FashionMNISTDomains, Position, SyntheticDomains
from dcgan_lightning.data.domains import CHANGES, DomainBatches
from dcgan_lightning.data.fashion_mnist import datamodule as fashion


def numbered(first: int, second: int) -> tuple[Tensor, Tensor]:
    """Return images whose pixels are their numbers, those of domain A first, and their labels."""
    count = first + second
    return torch.arange(count, dtype=torch.uint8).view(count, 1, 1, 1), (torch.arange(count) >= first).long()


def rows(loader: DomainBatches) -> list[list[int]]:
    return [(batch.images.flatten() * 127.5 + 127.5).round().int().tolist() for batch in loader]


def loader(first: int, second: int, epoch: int = 0, batch: int = 0, **options: Any) -> DomainBatches:
    images, labels = numbered(first, second)
    return DomainBatches(images, 8, 5, lambda: Position(epoch, batch), labels=labels, **options)


def test_each_batch_holds_as_many_of_either_domain_those_of_a_first() -> None:
    batches = list(loader(12, 12))
    assert len(batches) == 3
    for batch in batches:
        assert batch.labels.tolist() == [0] * 4 + [1] * 4
    seen = rows(loader(12, 12))
    assert sorted(row for part in seen for row in part[:4]) == list(range(12))
    assert sorted(row for part in seen for row in part[4:]) == list(range(12, 24))


def test_the_orders_of_the_domains_are_independent() -> None:
    seen = rows(loader(12, 12, epoch=1))
    for stream, columns, shift in (("order_a", slice(4), 0), ("order_b", slice(4, 8), 12)):
        expected = torch.randperm(12, generator=stream_generator(5, stream, 1)) + shift
        assert [row for part in seen for row in part[columns]] == expected.tolist()
    first = [row for part in seen for row in part[:4]]
    assert first != [row - 12 for part in seen for row in part[4:]]
    assert seen != rows(loader(12, 12, epoch=2))


def test_the_smaller_domain_is_repeated_in_other_orders_and_every_batch_is_full() -> None:
    seen = rows(loader(5, 17))
    assert [len(part) for part in seen] == [8, 8, 8]
    of_a = [row for part in seen for row in part[:4]]
    assert sorted(of_a[:5]) == sorted(of_a[5:10]) == list(range(5))
    assert of_a[:5] != of_a[5:10]
    assert len({row for part in seen for row in part[4:]}) == 12
    # No order of one epoch comes again in the next.
    assert rows(loader(5, 17, epoch=1))[0][:4] not in (of_a[:4], of_a[5:9])


def test_any_position_is_taken_up_again() -> None:
    whole = rows(loader(9, 14, epoch=3))
    for start in range(len(whole) + 1):
        assert rows(loader(9, 14, epoch=3, batch=start)) == whole[start:]


def test_processes_share_each_domain() -> None:
    whole = rows(loader(12, 12))
    parts = [rows(loader(12, 12, share=(process, 2))) for process in range(2)]
    for batch, first, second in zip(whole, *parts, strict=True):
        assert (first, second) == (batch[::2], batch[1::2])


@pytest.fixture
def garments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the real data set be 41 images of ten classes, whose pixels are their class and their number."""

    def load(self: FashionMNISTDataModule, split: str) -> tuple[Tensor, Tensor]:
        labels = torch.arange(41 if split == "train" else 31) % 10
        images = torch.zeros(len(labels), 1, 28, 28, dtype=torch.uint8)
        images[:, 0, 0, 0], images[:, 0, 0, 1] = labels.byte(), torch.arange(len(labels)).byte()
        images[:, :, 14:] = 200
        return images, labels

    monkeypatch.setattr(fashion.FashionMNISTDataModule, "load_split", load)


@pytest.mark.usefixtures("garments")
@pytest.mark.parametrize(
    "domains", [["sneaker", "ankle_boot"], ["Sneaker", "Ankle boot"], ["SNEAKER ", "ankle-boot"]]
)
def test_classes_in_any_spelling(domains: list[str]) -> None:
    module = FashionMNISTDomains(domains, batch_size=4)
    module.setup()
    assert module.domains == ("sneaker", "ankle_boot")
    assert module.images[:, 0, 0, 0].tolist() == [7] * 4 + [9] * 4
    assert module.labels is not None
    assert module.labels.tolist() == [0] * 4 + [1] * 4
    assert module.source == "Fashion-MNIST (sneaker and ankle_boot)"


@pytest.mark.usefixtures("garments")
def test_an_odd_number_loses_an_image_of_the_larger_domain() -> None:
    for domains, classes in (
        (["t_shirt", "bag"], [0] * 4 + [8] * 4),
        (["bag", "T-shirt"], [8] * 4 + [0] * 4),
    ):
        module = FashionMNISTDomains(domains)
        assert module.load_images()[:, 0, 0, 0].tolist() == classes  # there are five of t_shirt


@pytest.mark.usefixtures("garments")
def test_test_images_take_turns() -> None:
    images, labels = FashionMNISTDomains(["t_shirt", "bag"]).load_split("test")
    assert labels.tolist() == [0, 1, 0, 1, 0, 1, 0]  # four of one, three of the other
    assert images[:, 0, 0, 1].tolist() == [0, 8, 10, 18, 20, 28, 30]


@pytest.mark.usefixtures("garments")
@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_of_other_training_images_and_of_the_same_test_images(change: str) -> None:
    module = FashionMNISTDomains(["t_shirt", change.replace("_", " ")])
    assert module.change is CHANGES[change]
    plain = FashionMNISTDataModule().load_split("train")
    shirts = plain[0][plain[1] == 0]
    images, labels = module.load_split("train")
    # Five shirts: three stay as they are, of which one has no partner, two are changed.
    assert torch.equal(images[labels == 0], shirts[[2, 4]])
    assert torch.equal(images[labels == 1], CHANGES[change](shirts[[1, 3]]))
    images, labels = module.load_split("test")
    assert torch.equal(CHANGES[change](images[labels == 0]), images[labels == 1])
    assert len(images) == 8


def test_changes_can_be_undone_and_have_names_in_the_settings() -> None:
    images = torch.randint(0, 256, (3, 1, 8, 8), generator=torch.Generator().manual_seed(1)).byte()
    assert (*CHANGES,) == CHANGE_NAMES
    assert torch.equal(CHANGES["negative"](images), 255 - images)
    assert torch.equal(CHANGES["stripes"](CHANGES["stripes"](images)), images)
    assert (CHANGES["stripes"](images) != images).any(dim=3).sum(dim=(1, 2)).tolist() == [2, 2, 2]
    turned = CHANGES["quarter_turn"](images)
    assert torch.equal(turned[:, :, 0], images[:, :, :, -1])  # what was right is above
    assert torch.equal(CHANGES["quarter_turn"](CHANGES["quarter_turn"](turned)).rot90(1, (2, 3)), images)


@pytest.mark.usefixtures("garments")
@pytest.mark.parametrize(
    ("domains", "message"),
    [
        (
            ["sneaker", "shoe"],
            "data.domains: shoe is not one of t_shirt, .*, ankle_boot, negative, quarter_turn",
        ),
        (["negative", "sneaker"], "data.domains: negative is not one of t_shirt"),
        (["Ankle boot", "ankle_boot"], r"data\.domains must be two different ones; got ankle_boot twice"),
    ],
)
def test_domains_that_are_none_are_refused(domains: list[str], message: str) -> None:
    for act in (FashionMNISTDomains.setup, FashionMNISTDomains.prepare_data):
        with pytest.raises(DataError, match=message):
            act(FashionMNISTDomains(domains))


def test_classes_of_other_sets_are_numbers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    images = torch.arange(6, dtype=torch.uint8).view(6, 1, 1, 1).expand(6, 1, 28, 28)
    labels = torch.tensor([3, 8, 3, 8, 3, 1])
    monkeypatch.setattr(FashionMNISTDataModule, "load_split", lambda self, split: (images, labels))
    module = FashionMNISTDomains([3, 8], root=str(tmp_path), verify=False)
    assert module.load_images()[:, 0, 0, 0].tolist() == [2, 4, 1, 3]
    with pytest.raises(DataError, match=r"has no train images of data.domains: 2$"):
        FashionMNISTDomains([3, 2], root=str(tmp_path), verify=False).load_images()


@pytest.mark.parametrize(
    ("batch_size", "processes", "message"),
    [
        (7, 1, "two domains; use a multiple of 2$"),
        (6, 2, "two domains in each of 2 processes; use a multiple of 4$"),
    ],
)
def test_batches_that_cannot_be_shared_are_refused(batch_size: int, processes: int, message: str) -> None:
    module = SyntheticDomains(batch_size=batch_size, count=30)
    module.trainer = SimpleNamespace(world_size=processes, global_rank=0)
    with pytest.raises(
        DataError, match=f"data.batch_size={batch_size} cannot be shared equally by {message}"
    ):
        module.train_dataloader()


def test_the_made_up_shapes_are_domains_too() -> None:
    module = SyntheticDomains(["Rectangle", "ellipse"], count=40)
    module.setup()
    assert len(module.images) == 40
    assert module.labels is not None
    # An ellipse leaves the corners of its rectangle black.
    filled = [(image > 0).float().mean() for image in module.images]
    assert torch.stack(filled)[module.labels == 0].mean() > torch.stack(filled)[module.labels == 1].mean()


def test_both_domains_are_shown() -> None:
    datamodule = SyntheticDomains(count=40, batch_size=4)
    datamodule.setup()
    shown = datamodule.first_images(6)
    count = int((datamodule.labels == 0).sum())
    assert torch.equal(shown[:3], datamodule.images[:3])
    assert torch.equal(shown[3:], datamodule.images[count : count + 3])
