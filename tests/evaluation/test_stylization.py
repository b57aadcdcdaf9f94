import pytest
import torch
from torch.testing import assert_close

from dcgan_lightning.core.errors import DivergedError
from dcgan_lightning.core.pixels import luminance, normalize
from dcgan_lightning.data.patterns import draw_pattern
from dcgan_lightning.evaluation.perceptual import load_perceptual
from dcgan_lightning.evaluation.style_objective import StyleObjective
from dcgan_lightning.evaluation.stylization import (
    LossWeights,
    Step,
    find_background,
    optimise_pixels,
    with_luminance,
)

STYLE = normalize(torch.from_numpy(draw_pattern("checks", 32, 32, 8))).permute(2, 0, 1).mean(0, keepdim=True)
CONTENT = torch.full((1, 24, 32), -1.0)
CONTENT[:, 4:20, 6:26] = 0.5
MASK = (CONTENT > 0).float()
WEIGHTS = LossWeights(content=0.2, style=1.0, variation=0.0)


@pytest.fixture(scope="module")
def objective() -> StyleObjective:
    return StyleObjective(load_perceptual("random"), [STYLE], reduction=2)


def test_the_style_comes_in_and_the_content_stays(objective: StyleObjective) -> None:
    steps: list[Step] = []
    made = optimise_pixels(CONTENT, objective, WEIGHTS, 30, MASK, noise=0.2, report=steps.append)
    assert [step.number for step in steps] == [*range(1, len(steps) + 1)]
    assert 25 <= len(steps) <= 30
    losses = [step.losses["loss"] for step in steps]
    assert losses[-1] < 0.5 * losses[0]
    before = objective.style_loss(CONTENT[None], MASK[None])
    assert objective.style_loss(made[None], MASK[None]) < 0.5 * before
    assert objective.content_loss(made[None], objective.content(CONTENT[None])) < 0.5
    assert torch.equal(made * (1 - MASK), CONTENT * (1 - MASK))
    assert made.abs().max() <= 1
    again = optimise_pixels(CONTENT, objective, WEIGHTS, 30, MASK, noise=0.2)
    assert torch.equal(made, again)


def test_without_a_style_nothing_changes(objective: StyleObjective) -> None:
    made = optimise_pixels(CONTENT, objective, LossWeights(1.0, 0.0, 0.0), 5)
    assert_close(made, CONTENT)


def test_a_loss_that_is_not_finite_ends_it(objective: StyleObjective) -> None:
    with pytest.raises(DivergedError, match="the loss became inf at step 1; use smaller weights"):
        optimise_pixels(CONTENT, objective, LossWeights(0.2, 1e39, 0.0), 5)


def test_a_background_is_the_colour_of_most_of_the_border() -> None:
    assert_close(find_background(CONTENT), torch.full((1, 1, 1), -1.0))
    photo = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(0)) * 2 - 1
    assert find_background(photo) is None
    assert find_background(photo, least_share=0.0) is not None
    white = torch.ones(3, 16, 16)
    white[:, 5:, 5:9] = torch.tensor([0.5, 0.0, -0.5]).view(3, 1, 1)
    assert_close(find_background(white), torch.ones(3, 1, 1))


def test_only_light_and_dark_change() -> None:
    colours = torch.tensor([0.4, -0.2, 0.1]).view(3, 1, 1).expand(3, 2, 2)
    assert_close(luminance(colours), torch.full((1, 2, 2), 0.299 * 0.4 - 0.587 * 0.2 + 0.0114))
    darker = with_luminance(colours, torch.full((1, 2, 2), -0.3))
    assert_close(luminance(darker), torch.full((1, 2, 2), -0.3))
    assert_close(darker[0] - darker[1], colours[0] - colours[1])  # the same hue
    assert torch.equal(luminance(CONTENT), CONTENT)
