import pytest
import torch
from torch.testing import assert_close

from dcgan_lightning.networks import Discriminator, Generator
from dcgan_lightning.networks.conditioning import ConditionalBatchNorm2d, append_one_hot

LABELS = torch.tensor([2, 0])


def test_classes_are_appended_as_channels() -> None:
    noise = torch.randn(2, 3)
    assert torch.equal(
        append_one_hot(noise, LABELS, 3), torch.cat([noise, torch.tensor([[0.0, 0, 1], [1, 0, 0]])], 1)
    )
    images = torch.randn(2, 1, 4, 4)
    appended = append_one_hot(images, LABELS, 3)
    assert appended.shape == (2, 4, 4, 4)
    assert torch.equal(appended[:, :1], images)
    assert (appended[0, 1:].sum((1, 2)) == torch.tensor([0, 0, 16])).all()
    assert append_one_hot(images, None, 0) is images


def test_missing_labels_are_an_error() -> None:
    with pytest.raises(ValueError, match="needs labels"):
        append_one_hot(torch.randn(2, 3), None, 3)


def test_conditional_batch_norm_has_a_scale_and_a_shift_for_each_class() -> None:
    layer = ConditionalBatchNorm2d(4, 3)
    inputs = torch.randn(2, 4, 5, 5)
    plain = ConditionalBatchNorm2d(4, 0)
    assert_close(layer(inputs, LABELS), plain(inputs))  # alike at the start
    assert layer.scale is not None
    assert layer.shift is not None
    with torch.no_grad():
        layer.scale.weight[2] = 3.0
        layer.shift.weight[2] = 1.0
    changed, before = layer(inputs, LABELS), plain(inputs)
    assert_close(changed[0], 3 * before[0] + 1)
    assert_close(changed[1], before[1])


def test_the_notebooks_networks_take_classes_too() -> None:
    generator = Generator(5, (8, 6, 4), classes=3)
    discriminator = Discriminator((4, 6), classes=3)
    noise = torch.randn(2, 5)
    images = generator.eval()(noise, LABELS)
    assert images.shape == (2, 1, 28, 28)
    assert not torch.equal(images, generator(noise, LABELS.flip(0)))
    assert discriminator(images, LABELS).shape == (2,)
    assert generator.layers.dense.in_features == 8
    assert discriminator.layers.conv2d.in_channels == 4
