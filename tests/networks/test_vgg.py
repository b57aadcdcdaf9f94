"""VGG-19 with made-up weights: the real file is not part of the project."""

import hashlib
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from dcgan_lightning.core.errors import WeightsError
from dcgan_lightning.networks import vgg
from dcgan_lightning.networks.vgg import CONTENT_LAYER, STYLE_LAYERS, VGG19, load_vgg19


@pytest.fixture
def weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a file of weights that takes little room: each tensor is one number, repeated."""
    with torch.device("meta"):
        shapes = {name: tensor.shape for name, tensor in VGG19().state_dict().items()}
    state = {
        name: torch.tensor(0.01 if len(shape) == 1 else 1 / shape[1:].numel()).expand(shape)
        for name, shape in shapes.items()
    }
    path = tmp_path / "vgg19.pth"
    torch.save(state | {"classifier.0.bias": torch.ones(2)}, path)
    monkeypatch.setattr(vgg, "DIGEST", hashlib.sha256(path.read_bytes()).hexdigest()[:8])
    return path


def test_layers_are_torchvisions(weights: Path) -> None:
    """Names, shapes and activations against torchvision's network with mean pooling."""
    from torchvision.models import vgg19

    network, digest = load_vgg19(weights)
    assert digest.startswith(vgg.DIGEST)
    with torch.device("meta"):
        theirs = vgg19().features
    assert {name: tensor.shape for name, tensor in theirs.state_dict(prefix="features.").items()} == {
        name: tensor.shape for name, tensor in network.state_dict().items()
    }
    images = torch.rand(1, 1, 16, 16) * 2 - 1
    layers = network(images)
    shapes = {name: tuple(layers[name].shape[1:]) for name in (*STYLE_LAYERS, CONTENT_LAYER)}
    assert shapes == {
        "1_1": (64, 16, 16),
        "2_1": (128, 8, 8),
        "3_1": (256, 4, 4),
        "4_1": (512, 2, 2),
        "5_1": (512, 1, 1),
        "4_2": (512, 2, 2),
    }
    grey = (images[0, 0, 4:7, 4:7] + 1) / 2  # the same in all colours
    mean, deviation = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    expected = ((grey[..., None] - mean) / deviation).mean() + 0.01
    assert_close(layers["1_1"][0, 0, 5, 5], expected.clamp_min(0))


def test_another_file_is_refused_by_its_hash(tmp_path: Path) -> None:
    (tmp_path / "mine.pth").write_bytes(b"not weights")
    with pytest.raises(
        WeightsError,
        match=r"mine\.pth is not torchvision's vgg19-dcbb9e9d\.pth: .* expected dcbb9e9d; download",
    ):
        load_vgg19(tmp_path / "mine.pth")
    with pytest.raises(WeightsError, match=r"none\.pth cannot be read \(No such file"):
        load_vgg19(tmp_path / "none.pth")
