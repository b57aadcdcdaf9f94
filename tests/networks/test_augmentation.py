from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from dcgan_lightning.networks.augmentation import AUGMENTATIONS, augment, change_grey, cut_out, translate

IMAGES = torch.rand(64, 1, 28, 28, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 2 - 1


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(3)


def test_translation_moves_by_whole_pixels_and_brings_in_black() -> None:
    moved = translate(IMAGES)
    shifts = set()
    for image, result in zip(IMAGES[:, 0], moved[:, 0], strict=True):
        padded = torch.nn.functional.pad(image, (3, 3, 3, 3), value=-1.0)
        found = [
            (row, column)
            for row in range(7)
            for column in range(7)
            if torch.equal(padded[row : row + 28, column : column + 28], result)
        ]
        assert len(found) == 1
        shifts.add(found[0])
    assert {row for row, _ in shifts} == {column for _, column in shifts} == set(range(7))


def test_a_hole_is_grey_and_a_quarter_of_the_image_at_most() -> None:
    holes = (cut_out(IMAGES) == 0).flatten(1).sum(1)
    assert holes.max() == 14 * 14
    assert holes.min() >= 7 * 7
    kept = cut_out(IMAGES)
    assert ((kept == 0) | (kept == IMAGES)).all()


def test_greys_are_shifted_and_scaled_about_the_mean() -> None:
    changed = change_grey(IMAGES)
    shift = (changed.mean((1, 2, 3)) - IMAGES.mean((1, 2, 3))).abs()
    scale = changed.flatten(1).std(1) / IMAGES.flatten(1).std(1)
    assert 0.4 < shift.max() <= 0.5
    assert 0.5 <= scale.min() < 0.6
    assert 1.4 < scale.max() <= 1.5


@pytest.mark.parametrize("change", AUGMENTATIONS.values(), ids=AUGMENTATIONS)
def test_gradients_against_finite_differences(change: Callable[[Tensor], Tensor]) -> None:
    def seeded(images: Tensor) -> Tensor:
        torch.manual_seed(1)
        return change(images)

    images = IMAGES[:2, :, :8, :8].clone().requires_grad_()
    assert torch.autograd.gradcheck(seeded, images)


def test_nothing_is_changed_or_drawn_by_default() -> None:
    state = torch.get_rng_state()
    assert augment(IMAGES, ()) is IMAGES
    assert torch.equal(torch.get_rng_state(), state)


def test_several_are_applied_in_turn() -> None:
    torch.manual_seed(1)
    expected = cut_out(translate(IMAGES))
    torch.manual_seed(1)
    assert torch.equal(augment(IMAGES, ["translation", "cutout"]), expected)


def test_a_probability_chooses_images_for_each_augmentation_on_its_own() -> None:
    images = IMAGES[:1].expand(4000, -1, -1, -1)[:, :, :8, :8]
    changed = augment(images, ["cutout", "grey"], 0.25)
    is_cut = ((changed == changed.flatten(1).mode().values.view(-1, 1, 1, 1)).flatten(1).sum(1) > 3).numpy()
    is_same = (changed == images).flatten(1).all(1).numpy()
    assert is_cut.mean() == pytest.approx(0.25, abs=0.03)
    assert is_same.mean() == pytest.approx(0.75**2, abs=0.03)


def test_a_probability_of_one_draws_nothing_more() -> None:
    torch.manual_seed(1)
    expected, state = translate(IMAGES), torch.get_rng_state()
    torch.manual_seed(1)
    assert torch.equal(augment(IMAGES, ["translation"], 1.0), expected)
    assert torch.equal(torch.get_rng_state(), state)
