import pytest
import torch
from torch import Tensor

from dcgan_lightning.networks import ImageTranslator, PairDiscriminator, UNet
from dcgan_lightning.networks.translator import BLOCK_SIZE, make_inputs, translate_images


@pytest.mark.parametrize(
    ("size", "channels", "image_channels"),
    [(28, (4, 6, 8), 1), (32, (4, 6, 8, 10), 3), (64, (4, 6), 3)],
)
def test_images_keep_their_form(size: int, channels: tuple[int, ...], image_channels: int) -> None:
    network = UNet(image_channels, size, channels)
    images = 2 * torch.rand(2, image_channels, size, size) - 1
    made = network(images)
    assert made.shape == images.shape
    assert made.abs().max() <= 1
    assert PairDiscriminator(image_channels, (4, 6))(images, made).shape == (2 * (size // 4) ** 2,)


def test_the_input_reaches_the_output_over_every_skip_connection() -> None:
    network = UNet(1, 28, (4, 6, 8), dropout=0.0).eval()
    image = torch.rand(1, 1, 28, 28, requires_grad=True)
    network(image)[0, 0, 14, 14].backward()
    assert image.grad is not None
    assert image.grad[0, 0, 14, 14] != 0
    assert (image.grad != 0).sum() > 400  # through the middle


def test_a_patch_is_10_by_10_pixels() -> None:
    judge = PairDiscriminator(1, (4, 6), spectral=False)
    image = torch.rand(1, 1, 28, 28, requires_grad=True)
    judge(torch.rand(1, 1, 28, 28), image).view(7, 7)[3, 3].backward()
    assert image.grad is not None
    rows, columns = (image.grad[0, 0] != 0).nonzero().unbind(1)
    assert (rows.min().item(), rows.max().item()) == (9, 18)
    assert (columns.min().item(), columns.max().item()) == (9, 18)


@pytest.fixture
def network() -> UNet:
    torch.manual_seed(0)
    return UNet(1, 28, (4, 6, 8), task="edges")


def photographs(count: int) -> Tensor:
    return torch.randint(0, 256, (count, 1, 28, 28), generator=torch.Generator().manual_seed(1)).byte()


def test_an_image_does_not_depend_on_how_many_there_are(network: UNet) -> None:
    inputs = make_inputs(network, photographs(BLOCK_SIZE + 3))
    made = translate_images(network, inputs)
    assert made.dtype == torch.uint8
    assert torch.equal(translate_images(network, inputs[:2]), made[:2])
    assert torch.equal(translate_images(network, inputs[BLOCK_SIZE:]), made[BLOCK_SIZE:])
    assert network.training  # its mode stays


def test_noise_is_drawn_from_its_seed_and_leaves_the_default_generator_alone(network: UNet) -> None:
    inputs = make_inputs(network, photographs(4))
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    plain, one, again, other = (translate_images(network, inputs, seed) for seed in (None, 1, 1, 2))
    assert torch.equal(torch.rand(3), expected)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert not torch.equal(one, plain)
    assert not network.noisy


def test_an_exported_network_makes_the_same_images(network: UNet, tmp_path) -> None:
    network.save_pretrained(tmp_path)
    copy = ImageTranslator.from_pretrained(tmp_path)
    assert isinstance(copy, UNet)
    assert copy.arguments == network.arguments
    inputs = make_inputs(network, photographs(3))
    assert torch.equal(translate_images(copy, inputs), translate_images(network, inputs))
