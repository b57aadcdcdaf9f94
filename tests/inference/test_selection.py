from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from dcgan_lightning.core.errors import ConfigError
from dcgan_lightning.inference.pretrained import TrainedGenerator
from dcgan_lightning.inference.selection import Choice, draw_blocks
from dcgan_lightning.networks import Generator, SNGANGenerator
from dcgan_lightning.networks.sampling import BLOCK_SIZE, generate_images, sample_images, sample_noise


class Brightness(nn.Module):
    """Rate images by their mean grey, and tell whether labels came along."""

    def __init__(self) -> None:
        super().__init__()
        self.labels: list[Tensor | None] = []

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        self.labels.append(labels)
        return images.mean((1, 2, 3))


def trained(classes: int = 0, discriminator: nn.Module | None = None) -> TrainedGenerator:
    source = torch.Generator().manual_seed(0)
    if classes:
        generator = SNGANGenerator(6, (8, 4), classes=classes, generator=source)
        assert generator.norm.shift is not None
        nn.init.normal_(generator.norm.shift.weight, generator=source)
    else:
        generator = Generator(6, (8, 6, 4), generator=source)
    return TrainedGenerator(Path("x.ckpt"), 1, 0, False, {}, {}, generator.eval(), discriminator)


def drawn(choice: Choice, count: int, first: int = 0, classes: int = 0) -> Tensor:
    return torch.cat(list(draw_blocks(trained(classes, Brightness()), choice, count, seed=3, first=first)))


def brightness(images: Tensor) -> Tensor:
    return (images.float() / 127.5 - 1).mean((1, 2, 3))


def test_all_images_are_those_of_plain_sampling() -> None:
    assert torch.equal(drawn(Choice(), 300, first=5), sample_images(trained().generator, 300, 3, 5))
    truncated = drawn(Choice(truncation=0.5), 3)
    assert torch.equal(truncated, generate_images(trained().generator, 0.5 * sample_noise(6, 3, 3)))


def test_the_best_of_each_block_are_kept_in_order() -> None:
    kept = drawn(Choice(keep=0.25), 128)
    for block in range(2):
        images = sample_images(trained().generator, BLOCK_SIZE, 3, block * BLOCK_SIZE)
        limit = brightness(images).sort(descending=True).values[63]
        expected = images[brightness(images) >= limit][:64]
        assert torch.equal(kept[block * 64 : block * 64 + 64], expected)


@pytest.mark.parametrize("classes", [0, 3])
@pytest.mark.parametrize("keep", [0.01, 0.3, 0.999])
def test_an_image_does_not_depend_on_how_many_are_drawn(classes: int, keep: float) -> None:
    whole = drawn(Choice(keep=keep), 40, classes=classes)
    assert len(whole) == 40
    for first, count in ((0, 1), (7, 20), (39, 1)):
        part = drawn(Choice(keep=keep), count, first, classes)
        assert torch.equal(part, whole[first : first + count])


def test_each_class_is_selected_by_itself_and_takes_its_turn() -> None:
    both = drawn(Choice(label=[2, 0], keep=0.5), 20, classes=3)
    assert torch.equal(both[0::2], drawn(Choice(label=2, keep=0.5), 10, classes=3))
    assert torch.equal(both[1::2], drawn(Choice(label=0, keep=0.5), 10, classes=3))


def test_the_discriminator_is_told_the_class() -> None:
    judge = Brightness()
    list(draw_blocks(trained(3, judge), Choice(label=2, keep=0.5), 4))
    (labels,) = judge.labels
    assert labels is not None
    assert labels.tolist() == [2] * BLOCK_SIZE


def test_without_a_discriminator_nothing_can_be_selected() -> None:
    with pytest.raises(ConfigError, match=r"keep=0\.5 needs the discriminator, which is not part of x\.ckpt"):
        draw_blocks(trained(), Choice(keep=0.5), 4)
