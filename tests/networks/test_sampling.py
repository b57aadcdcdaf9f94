import itertools

import pytest
import torch

from dcgan_lightning.core.pixels import to_uint8
from dcgan_lightning.networks import Generator
from dcgan_lightning.networks.sampling import (
    BLOCK_SIZE,
    generate_images,
    sample_blocks,
    sample_images,
    sample_noise,
)


@pytest.fixture(scope="module")
def generator() -> Generator:
    return Generator(latent_dim=6, channels=(8, 6, 4), generator=torch.Generator().manual_seed(0)).eval()


@pytest.fixture(scope="module")
def many(generator: Generator) -> torch.Tensor:
    return sample_images(generator, 600, seed=3)


@pytest.mark.parametrize(
    ("first", "count"), [(0, 1), (0, 64), (5, 1), (255, 2), (256, 256), (100, 500), (512, 88)]
)
def test_an_image_is_the_same_however_it_is_asked_for(
    generator: Generator, many: torch.Tensor, first: int, count: int
) -> None:
    assert torch.equal(sample_images(generator, count, seed=3, first=first), many[first : first + count])


def test_noise_is_the_same_however_it_is_asked_for() -> None:
    noise = sample_noise(6, 600, seed=3)
    assert noise.shape == (600, 6)
    for first, count in ((0, 1), (255, 2), (256, 256), (100, 500)):
        assert torch.equal(sample_noise(6, count, seed=3, first=first), noise[first : first + count])


def test_noise_is_standard_normal_and_of_its_seed() -> None:
    noise = sample_noise(100, 2000)
    assert abs(float(noise.mean())) < 0.01
    assert abs(float(noise.std()) - 1) < 0.01
    assert not torch.equal(noise[:5], sample_noise(100, 5, seed=1))
    assert len({tuple(row[:2].tolist()) for row in noise}) == 2000


def test_images_are_those_of_the_noise(generator: Generator, many: torch.Tensor) -> None:
    with torch.no_grad():
        expected = generator(sample_noise(6, 600, seed=3))
    difference = (to_uint8(expected).int() - many.int()).abs()
    assert many.dtype == torch.uint8
    assert many.shape == (600, 1, 28, 28)
    assert difference.max() <= 1  # the generator's last bits depend on how many it makes together
    assert torch.equal(generate_images(generator, sample_noise(6, 300, seed=3)), many[:300])


def test_blocks_tile(generator: Generator, many: torch.Tensor) -> None:
    blocks = list(sample_blocks(generator, 400, seed=3, first=100))
    assert [len(block) for block in blocks] == [156, 244]
    assert torch.equal(torch.cat(blocks), many[100:500])


def test_a_billion_images_take_the_memory_of_one_block(generator: Generator, many: torch.Tensor) -> None:
    blocks = sample_blocks(generator, 10**9, seed=3)
    pieces = list(itertools.islice(blocks, 2))
    assert [len(piece) for piece in pieces] == [BLOCK_SIZE, BLOCK_SIZE]
    assert torch.equal(torch.cat(pieces), many[:512])


def test_numbers_far_away(generator: Generator) -> None:
    far = sample_images(generator, 3, first=10**9)
    assert torch.equal(far[1:], sample_images(generator, 2, first=10**9 + 1))


def test_the_generator_stays_as_it_was(many: torch.Tensor) -> None:
    training = Generator(latent_dim=6, channels=(8, 6, 4), generator=torch.Generator().manual_seed(0)).train()
    before = {name: value.clone() for name, value in training.state_dict().items()}
    assert torch.equal(sample_images(training, 10, seed=3), many[:10])
    assert training.training
    assert all(torch.equal(before[name], value) for name, value in training.state_dict().items())
