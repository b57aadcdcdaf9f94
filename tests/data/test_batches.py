import itertools

import pytest
import torch

from dcgan_lightning.data import Position, ShuffledBatches, normalize


def numbered(count: int) -> torch.Tensor:
    return torch.arange(count, dtype=torch.uint8).view(count, 1, 1, 1)


def epoch(loader: ShuffledBatches) -> list[list[int]]:
    return [(batch.images.flatten() * 127.5 + 127.5).round().int().tolist() for batch in loader]


def test_every_image_once_and_the_remainder_last() -> None:
    loader = ShuffledBatches(numbered(10), batch_size=4, seed=0)
    batches = epoch(loader)
    assert len(loader) == 3
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert sorted(itertools.chain(*batches)) == list(range(10))


@pytest.mark.parametrize(("count", "size"), [(9, 4), (3, 2), (13, 6), (11, 10)])
def test_a_single_image_left_over_joins_the_batch_before_it(count: int, size: int) -> None:
    loader = ShuffledBatches(numbered(count), size, seed=0)
    batches = epoch(loader)
    full = count // size
    assert [len(batch) for batch in batches] == [size] * (full - 1) + [size + 1]
    assert len(loader) == full
    assert sorted(itertools.chain(*batches)) == list(range(count))
    last = epoch(ShuffledBatches(numbered(count), size, 0, lambda: Position(0, full - 1)))
    assert last == batches[-1:]  # as after a resume


def test_batches_are_normalised() -> None:
    images = numbered(256)
    batch = next(iter(ShuffledBatches(images, batch_size=256, seed=0)))
    assert batch.images.dtype == torch.float32
    assert torch.equal(batch.images.flatten().sort().values, normalize(images).flatten())


def test_order_is_a_function_of_seed_and_epoch() -> None:
    def order(seed: int, number: int) -> list[list[int]]:
        return epoch(ShuffledBatches(numbered(200), 50, seed, lambda: Position(number, 0)))

    assert order(0, 3) == order(0, 3)
    assert order(0, 3) != order(0, 4)
    assert order(0, 3) != order(1, 3)


def test_any_position_is_taken_up_again() -> None:
    whole = epoch(ShuffledBatches(numbered(20), 6, 0, lambda: Position(2, 0)))
    for start in range(4):
        assert (
            epoch(ShuffledBatches(numbered(20), 6, 0, lambda start=start: Position(2, start)))
            == whole[start:]
        )


def test_the_position_is_asked_when_the_first_batch_is() -> None:
    position = Position(0, 0)
    iterator = iter(ShuffledBatches(numbered(200), 50, 0, lambda: position))
    position = Position(5, 2)
    expected = epoch(ShuffledBatches(numbered(200), 50, 0, lambda: Position(5, 2)))
    assert [(batch.images.flatten() * 127.5 + 127.5).round().int().tolist() for batch in iterator] == expected


def test_the_loader_has_no_state() -> None:
    loader = ShuffledBatches(numbered(4), 2, 0)
    loader.load_state_dict({})
    assert loader.state_dict() == {}


@pytest.mark.parametrize(("count", "processes"), [(17, 2), (13, 2), (20, 3), (23, 4), (16, 2)])
def test_processes_share_any_number_of_images(count: int, processes: int) -> None:
    size = 2 * processes
    left_out = set()
    for number in range(12):

        def loader(rank: int, of: int, number: int = number) -> ShuffledBatches:
            return ShuffledBatches(numbered(count), size, 0, lambda: Position(number, 0), (rank, of))

        parts = [epoch(loader(rank, processes)) for rank in range(processes)]
        assert {len(loader(rank, processes)) for rank in range(processes)} == {len(parts[0])}
        seen = []
        for batch in zip(*parts, strict=True):
            assert len({*map(len, batch)}) == 1  # each process has the same number
            seen += [image for part in batch for image in part]
        assert len(seen) == len({*seen}) == count - count % processes
        whole = [image for batch in epoch(loader(0, 1)) for image in batch]
        assert {*seen} == {*whole[: len(seen)]}
        left_out |= {*whole[len(seen) :]}
    assert (len(left_out) > count % processes) == bool(count % processes)  # others in other epochs
