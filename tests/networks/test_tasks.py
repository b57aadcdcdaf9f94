import math

import pytest
import torch

from dcgan_lightning.config.systems import pix2pix
from dcgan_lightning.core.pixels import normalize
from dcgan_lightning.networks.tasks import NOISE, TASKS, add_noise, cut_hole, draw_edges, reduce_resolution

IMAGES = normalize(torch.randint(0, 256, (6, 3, 28, 28), generator=torch.Generator().manual_seed(0)).byte())


def test_the_settings_know_the_tasks() -> None:
    assert [*TASKS] == [*pix2pix.TASKS]


@pytest.mark.parametrize("name", TASKS)
def test_an_input_is_a_function_of_its_image(name: str) -> None:
    inputs = TASKS[name](IMAGES)
    assert inputs.shape == IMAGES.shape
    assert inputs.min() >= -1
    assert inputs.max() <= 1
    assert not torch.equal(inputs, IMAGES)
    assert torch.equal(inputs[2:4], TASKS[name](IMAGES[2:4]))


def test_a_step_is_drawn_as_a_line_of_one_pixel() -> None:
    step = torch.full((1, 1, 12, 12), -1.0)
    step[..., 5:] = 1
    drawing = draw_edges(step)
    assert set(drawing.unique().tolist()) == {-1.0, 1.0}
    assert (drawing == 1).sum(3).flatten().tolist() == [1] * 12  # one pixel a row
    assert torch.equal(draw_edges(step.transpose(2, 3)), drawing.transpose(2, 3))
    assert (draw_edges(step * 0.1) == -1).all()  # too weak


def test_the_hole_is_half_the_side() -> None:
    holed = cut_hole(IMAGES)
    assert (holed[:, :, 7:21, 7:21] == 0).all()
    kept = torch.ones(28, 28, dtype=torch.bool)
    kept[7:21, 7:21] = False
    assert torch.equal(holed[:, :, kept], IMAGES[:, :, kept])


def test_squares_hold_their_mean() -> None:
    reduced = reduce_resolution(IMAGES)
    assert torch.allclose(reduced[1, 2, 4:8, 8:12], IMAGES[1, 2, 4:8, 8:12].mean().expand(4, 4))


def test_noise_is_normal_and_differs_between_images() -> None:
    grey = torch.zeros(40, 1, 28, 28)
    grey[torch.arange(40), 0, 0, 0] = 2 * torch.arange(100, 140) / 255 - 1  # all different
    noise = add_noise(grey)[:, 0, 1:].flatten(1)
    inside = noise[noise.abs() < 1]
    within = math.erf(1 / NOISE / math.sqrt(2))
    assert len(inside) / noise.numel() == pytest.approx(within, abs=0.01)
    assert noise.mean().item() == pytest.approx(0, abs=0.02)
    assert noise.clamp(-0.5, 0.5).std().item() == pytest.approx(0.5 * math.sqrt(0.516), rel=0.03)
    assert torch.corrcoef(noise).fill_diagonal_(0).abs().max() < 0.2
