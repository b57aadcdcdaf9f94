import pytest
import torch

from dcgan_lightning.networks import Generator
from dcgan_lightning.networks.modes import inference


def test_inference_changes_nothing() -> None:
    generator = Generator(4, (8, 6, 4))
    generator.layers.batch_normalization_1.eval()  # a layer somebody froze
    flags = [layer.training for layer in generator.modules()]
    state = {name: value.clone() for name, value in generator.state_dict().items()}
    random_state = torch.get_rng_state()
    with inference(generator):
        assert not any(layer.training for layer in generator.modules())
        images = generator(torch.ones(2, 4))
        assert not images.requires_grad
    assert [layer.training for layer in generator.modules()] == flags
    assert torch.equal(torch.get_rng_state(), random_state)
    for name, value in generator.state_dict().items():
        assert torch.equal(value, state[name]), name


def test_flags_come_back_after_an_error() -> None:
    generator = Generator(4, (8, 6, 4))
    with pytest.raises(RuntimeError), inference(generator):
        generator(torch.ones(2, 5))
    assert generator.training
    assert torch.is_grad_enabled()
