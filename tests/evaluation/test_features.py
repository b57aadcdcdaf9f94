import dataclasses
import hashlib
from pathlib import Path

import pytest
import torch
from torch import nn
from torchmetrics.image import fid
from torchmetrics.utilities import imports

from dcgan_lightning.core.errors import MissingExtraError, ScoreError, WeightsError
from dcgan_lightning.core.pixels import normalize
from dcgan_lightning.evaluation import load_classifier, load_features
from dcgan_lightning.evaluation.fashion_mnist.classifier import describe_weights

IMAGES = torch.randint(0, 256, (5, 1, 28, 28), generator=torch.Generator().manual_seed(0)).byte()


def test_the_classifiers_features() -> None:
    network = load_features("classifier")
    assert (network.name, network.size, network.digest) == ("classifier", 128, describe_weights()["sha256"])
    assert network.label == f"classifier {network.digest[:12]}"
    classifier = load_classifier()
    assert torch.equal(network(IMAGES), classifier.features(normalize(IMAGES)))
    assert torch.equal(network.head(network(IMAGES)), classifier(normalize(IMAGES)))


def test_random_features_are_always_the_same_others() -> None:
    network = load_features("random")
    assert network.size == 128
    assert network.digest == load_features("random").digest != load_features("classifier").digest
    assert torch.equal(network(IMAGES), load_features("random")(IMAGES))
    assert not torch.equal(network(IMAGES), load_features("classifier")(IMAGES))


def test_pixels() -> None:
    network = load_features("pixels")
    assert (network.size, network.digest, network.label) == (784, "none", "pixels")
    assert torch.equal(network(IMAGES), normalize(IMAGES).flatten(1))


def test_the_chunk_does_not_matter() -> None:
    network = load_features("classifier")
    small = dataclasses.replace(network, chunk=2)
    torch.testing.assert_close(small(IMAGES), network(IMAGES), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "images",
    [IMAGES.float(), IMAGES[:, 0], IMAGES[..., 1:], IMAGES.expand(-1, 3, -1, -1), IMAGES[:0]],
    ids=["floats", "no channel", "27 wide", "colour", "none"],
)
def test_other_images_are_refused(images: torch.Tensor) -> None:
    with pytest.raises(ScoreError, match="scores are for grey images of 28 x 28 pixels") as caught:
        load_features("pixels")(images)
    assert str(tuple(images.shape)) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "weights", "message"),
    [
        ("resnet", None, "features must be one of classifier, random, pixels, inception; got 'resnet'"),
        ("inception", None, "features=inception needs weights=FILE"),
        ("pixels", "x.pth", "weights=x.pth is for features=inception only; leave it out with features"),
    ],
)
def test_names_and_weights_that_do_not_fit(name: str, weights: str | None, message: str) -> None:
    with pytest.raises(ScoreError, match=message):
        load_features(name, weights)


def test_inception_weights_that_are_not_there() -> None:
    with pytest.raises(WeightsError, match=r"weights=nowhere\.pth does not exist"):
        load_features("inception", "nowhere.pth")


def test_inception_without_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "_TORCH_FIDELITY_AVAILABLE", False)
    (tmp_path / "weights.pth").write_bytes(b"weights")
    with pytest.raises(MissingExtraError, match=r'pip install -e "\.\[inception\]"'):
        load_features("inception", tmp_path / "weights.pth")


class StandIn(nn.Module):
    """In the place of torch-fidelity's Inception: mean and largest value of each channel."""

    def __init__(self, name: str, features: list[str], path: str) -> None:
        super().__init__()
        assert (name, features) == ("inception-v3-compat", ["2048"])
        if Path(path).read_bytes() != b"weights":
            raise RuntimeError("invalid magic number;\n corrupt file?")

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        assert images.dtype == torch.uint8
        assert images.shape[1:] == (3, 28, 28)
        return torch.cat([images.float().mean(dim=(2, 3)), images.amax(dim=(2, 3)).float()], dim=1)


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imports, "_TORCH_FIDELITY_AVAILABLE", True)
    monkeypatch.setattr(fid, "NoTrainInceptionV3", StandIn)


@pytest.mark.usefixtures("stand_in")
def test_inception_gets_three_equal_channels(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"weights")
    network = load_features("inception", tmp_path / "weights.pth")
    assert network.digest == hashlib.sha256(b"weights").hexdigest()
    assert network.size == 2048
    mean, largest = IMAGES.float().mean(dim=(2, 3)), IMAGES.amax(dim=(2, 3)).float()
    torch.testing.assert_close(network(IMAGES), torch.cat([mean] * 3 + [largest] * 3, dim=1))


@pytest.mark.usefixtures("stand_in")
def test_wrong_inception_weights_are_refused_in_a_line(tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(b"other")
    with pytest.raises(WeightsError, match="are not torch-fidelity's Inception weights") as caught:
        load_features("inception", tmp_path / "weights.pth")
    assert "\n" not in str(caught.value)
