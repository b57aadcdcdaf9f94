import hashlib
import json
import shutil
import sys
from pathlib import Path

import pytest
import torch
from score_cases import split

from dcgan_lightning.config.data import CLASS_NAMES
from dcgan_lightning.core.errors import MissingExtraError, WeightsError
from dcgan_lightning.data.images import normalize as normalize_data
from dcgan_lightning.evaluation.fashion_mnist.classifier import (
    WEIGHTS_FILE,
    FashionClassifier,
    accuracy,
    class_probabilities,
    describe_weights,
    encode_weights,
    load_classifier,
    normalize,
)

FILES = [WEIGHTS_FILE.with_suffix(suffix) for suffix in (".safetensors", ".json", ".md")]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return the weights, with their description, in a folder of their own."""
    for path in FILES[:2]:
        shutil.copy(path, tmp_path)
    return tmp_path / WEIGHTS_FILE.name


@pytest.mark.real_data
def test_the_shipped_classifier_is_as_good_as_its_card_says() -> None:
    images, labels = split("test")
    found = accuracy(load_classifier(), images, labels)
    assert found >= 0.92
    assert found == pytest.approx(describe_weights()["test_accuracy"], abs=2e-4)
    assert f"**{100 * describe_weights()['test_accuracy']:.2f} %**" in FILES[2].read_text()


def test_the_shipped_files_belong_together_and_are_small() -> None:
    content = FILES[0].read_bytes()
    assert len(content) < 3_000_000
    assert hashlib.sha256(content).hexdigest() == describe_weights()["sha256"]
    assert describe_weights()["sha256"] in FILES[2].read_text()


def test_the_network() -> None:
    network = FashionClassifier(generator=torch.Generator().manual_seed(0)).eval()
    assert sum(weight.numel() for weight in network.parameters()) == 421_642
    images = torch.rand(3, 1, 28, 28) * 2 - 1
    features = network.features(images)
    assert features.shape == (3, 128)
    assert features.min() == 0
    assert torch.equal(network(images), network.head(features))
    assert len(CLASS_NAMES) == network(images).shape[1]
    again = FashionClassifier(generator=torch.Generator().manual_seed(0)).eval()
    assert torch.equal(again(images), network(images))


def test_the_loaded_network_is_frozen() -> None:
    network = load_classifier()
    assert not network.training
    assert not any(weight.requires_grad for weight in network.parameters())


def test_probabilities_do_not_depend_on_the_chunk() -> None:
    images = torch.randint(0, 256, (5, 1, 28, 28), generator=torch.Generator().manual_seed(0)).byte()
    network = load_classifier()
    whole = class_probabilities(network, images)
    assert whole.sum(dim=1).tolist() == pytest.approx([1] * 5)
    torch.testing.assert_close(class_probabilities(network, images, chunk=2), whole, rtol=1e-5, atol=1e-6)


def test_accuracy_counts() -> None:
    images = torch.randint(0, 256, (8, 1, 28, 28), generator=torch.Generator().manual_seed(0)).byte()
    network = load_classifier()
    told = class_probabilities(network, images).argmax(dim=1)
    assert accuracy(network, images, told) == 1
    wrong = torch.cat([told[:6], (told[6:] + 1) % 10])
    assert accuracy(network, images, wrong) == 0.75


def test_images_come_in_as_in_training() -> None:
    every_byte = torch.arange(256).byte()
    assert torch.equal(normalize(every_byte), normalize_data(every_byte))
    with pytest.raises(TypeError, match="expected uint8 images"):
        normalize(torch.zeros(2))


def test_the_same_weights_are_the_same_bytes() -> None:
    assert encode_weights(load_classifier()) == FILES[0].read_bytes()


def test_a_flipped_bit_is_refused(copy: Path) -> None:
    content = bytearray(copy.read_bytes())
    content[-1] ^= 1
    copy.write_bytes(content)
    with pytest.raises(WeightsError, match=r"is damaged or another file: its SHA-256 is") as caught:
        load_classifier(copy)
    assert str(copy) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".safetensors", ".json"])
def test_a_missing_file_is_named(copy: Path, suffix: str) -> None:
    copy.with_suffix(suffix).unlink()
    with pytest.raises(WeightsError, match=f"{copy.stem}{suffix} cannot be read"):
        load_classifier(copy)


@pytest.mark.parametrize("content", ["", "[]", "{}"])
def test_a_damaged_description_is_refused(copy: Path, content: str) -> None:
    copy.with_suffix(".json").write_text(content)
    with pytest.raises(WeightsError, match=r"\.json cannot be read"):
        load_classifier(copy)


def test_weights_of_another_network_are_refused(copy: Path) -> None:
    content = encode_weights(torch.nn.Linear(2, 2))
    copy.write_bytes(content)
    copy.with_suffix(".json").write_text(json.dumps({"sha256": hashlib.sha256(content).hexdigest()}))
    with pytest.raises(WeightsError, match="does not hold the classifier's weights") as caught:
        load_classifier(copy)
    assert "\n" not in str(caught.value)


def test_without_safetensors_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(MissingExtraError, match=r'pip install -e "\.\[scores\]"'):
        load_classifier()
