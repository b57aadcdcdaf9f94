import pytest
import torch
from torch.nn import functional as F
from torch.testing import assert_close

from dcgan_lightning.core.errors import ScoreError
from dcgan_lightning.core.pixels import normalize
from dcgan_lightning.data.patterns import draw_pattern
from dcgan_lightning.evaluation.fashion_mnist.classifier import load_classifier
from dcgan_lightning.evaluation.perceptual import classifier_stages, load_perceptual
from dcgan_lightning.evaluation.style_objective import Palette, StyleObjective

STYLE = normalize(torch.from_numpy(draw_pattern("dots", 40, 40, 10))).permute(2, 0, 1)
OTHER = normalize(torch.from_numpy(draw_pattern("stripes", 40, 40, 10))).permute(2, 0, 1)


def test_a_palette_gives_colours_mean_0_and_variance_1() -> None:
    normalised = Palette.of([STYLE], [1.0])(STYLE[None])[0].flatten(1)
    assert_close(normalised.mean(1), torch.zeros(3), atol=1e-5, rtol=0)
    variances = torch.linalg.eigvalsh(normalised.cov())
    assert_close(variances[-1], torch.tensor(1.0), atol=1e-2, rtol=0)
    assert (variances <= 1.01).all()


def test_a_palette_of_several_styles_is_that_of_all_pixels() -> None:
    together = Palette.of([torch.cat([STYLE, OTHER], dim=1)], [1.0])
    mixed = Palette.of([STYLE, OTHER], [0.5, 0.5])
    assert_close(mixed.mean, together.mean)


@pytest.mark.parametrize("name", ["classifier", "random", "held_out"])
def test_a_style_is_like_itself_and_unlike_another(name: str) -> None:
    objective = StyleObjective(load_perceptual(name, 3), [STYLE])
    moved = STYLE.roll((20, 10), dims=(1, 2))[None]  # by whole periods: only the edges differ
    assert objective.style_loss(STYLE[None]) < 1e-8
    assert objective.style_loss(moved) < 0.1 < objective.style_loss(OTHER[None])
    assert objective.style_loss(torch.cat([STYLE[None], OTHER[None]])) == pytest.approx(
        float(objective.style_loss(OTHER[None])) / 2, rel=1e-4
    )


def test_shares_mix_styles() -> None:
    network = load_perceptual("random", 3)
    mixed = StyleObjective(network, [STYLE, OTHER], [9, 1])
    assert mixed.style_loss(STYLE[None]) < mixed.style_loss(OTHER[None])
    alone = StyleObjective(network, [STYLE, OTHER], [1, 1e-9])
    assert_close(alone.style_loss(OTHER[None]), StyleObjective(network, [STYLE]).style_loss(OTHER[None]))


def test_what_is_masked_does_not_count() -> None:
    objective = StyleObjective(load_perceptual("random", 3), [STYLE])
    mask = torch.zeros(1, 1, 40, 40)
    mask[..., :16] = 1
    images = STYLE[None].clone()
    images[..., 16:] = 1
    assert_close(objective.style_loss(images, mask), objective.style_loss(STYLE[None], mask))
    assert objective.style_loss(images, mask) < objective.style_loss(images)


def test_content_is_compared_at_a_reduced_size() -> None:
    objective = StyleObjective(load_perceptual("classifier"), [STYLE[:1]], reduction=2)
    images = torch.rand(2, 1, 32, 32) * 2 - 1
    wanted = objective.content(images)
    assert wanted.shape == (2, 64, 8, 8)
    assert objective.content_loss(images, wanted) == 0
    fine = images.clone()  # changes that a reduced image does not show
    fine[..., ::2] += 0.1
    fine[..., 1::2] -= 0.1
    assert objective.content_loss(fine, wanted) < 1e-10
    assert objective.content_loss(images.flip(3), wanted) > 0.1


@pytest.mark.parametrize("name", ["classifier", "random", "held_out"])
def test_every_pixel_has_a_gradient(name: str) -> None:
    images = (torch.rand(1, 3, 16, 16) * 2 - 1).requires_grad_()
    objective = StyleObjective(load_perceptual(name, 3), [STYLE])
    objective.style_loss(images).backward()
    assert images.grad is not None
    assert images.grad.ne(0).all()


def test_stages_are_the_classifiers() -> None:
    network = load_classifier()
    first, second = classifier_stages(network)
    images = torch.rand(1, 1, 28, 28)
    assert_close(first(images), network.trunk[:2](images))
    pooled = F.avg_pool2d(network.trunk[:2](images), 2)
    assert_close(second(first(images)), network.trunk[3:5](pooled))


def test_weights_go_with_vgg19_only() -> None:
    with pytest.raises(ScoreError, match="features=vgg19 needs weights=FILE"):
        load_perceptual("vgg19")
    with pytest.raises(ScoreError, match="features=random takes no weights=FILE"):
        load_perceptual("random", weights="x")
    with pytest.raises(ScoreError, match="features must be one of classifier, random, vgg19, held_out"):
        load_perceptual("vgg16")  # type: ignore[arg-type]
