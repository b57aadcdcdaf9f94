import torch

from dcgan_lightning.data import LabelledBatches
from dcgan_lightning.data.labelled import move_randomly

IMAGES = torch.arange(10).view(10, 1, 1, 1).expand(10, 1, 28, 28).byte()
LABELS = torch.arange(10)


def batches(epoch: int = 0, seed: int = 0, shift: int = 0) -> list[tuple[torch.Tensor, torch.Tensor]]:
    return list(LabelledBatches(IMAGES, LABELS, 4, seed, lambda: epoch, shift))


def test_each_image_comes_once_with_its_label() -> None:
    found = batches()
    assert [len(labels) for _, labels in found] == [4, 4, 2]
    assert len(LabelledBatches(IMAGES, LABELS, 4, 0)) == 3
    labels = torch.cat([labels for _, labels in found])
    assert sorted(labels.tolist()) == list(range(10))
    pixels = torch.cat([images[:, 0, 5, 5] for images, _ in found])
    assert torch.equal((pixels * 127.5 + 127.5).round().long(), labels)


def test_order_follows_from_seed_and_epoch() -> None:
    def order(**place: int) -> list[int]:
        return torch.cat([labels for _, labels in batches(**place)]).tolist()

    assert order() == order()
    assert len({tuple(order(epoch=epoch, seed=seed)) for epoch in (0, 1) for seed in (0, 1)}) == 4


def test_moves_follow_from_seed_epoch_and_batch() -> None:
    def moved(**place: int) -> torch.Tensor:
        return torch.cat([images for images, _ in batches(shift=2, **place)])

    assert torch.equal(moved(), moved())
    assert not torch.equal(moved(), moved(epoch=1))


def test_moves_are_exact() -> None:
    images = torch.randint(1, 256, (60, 1, 28, 28), generator=torch.Generator().manual_seed(0)).byte()
    moved = move_randomly(images, 1, torch.Generator().manual_seed(1))
    framed = torch.nn.functional.pad(images, (1, 1, 1, 1))
    found = set()
    for before, after in zip(framed, moved, strict=True):
        (place,) = (
            (down, right)
            for down in range(3)
            for right in range(3)
            if torch.equal(before[:, down : down + 28, right : right + 28], after)
        )
        found.add(place)
    assert len(found) == 9  # every direction, and staying
    assert torch.equal(move_randomly(images, 0, torch.Generator()), images)
