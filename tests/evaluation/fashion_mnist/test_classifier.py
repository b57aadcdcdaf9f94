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
from dcgan_lightning.evaluation.fashion_mnist.architectures import ResidualBlock
from dcgan_lightning.evaluation.fashion_mnist.cards import classifier_card
from dcgan_lightning.evaluation.fashion_mnist.classifier import (
    HELD_OUT_FILE,
    WEIGHTS_FILE,
    ImageClassifier,
    accuracy,
    class_probabilities,
    describe_weights,
    encode_weights,
    load_classifier,
)

SHIPPED = (WEIGHTS_FILE, HELD_OUT_FILE)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return the weights, with their description, in a folder of their own."""
    for suffix in (".safetensors", ".json"):
        shutil.copy(WEIGHTS_FILE.with_suffix(suffix), tmp_path)
    return tmp_path / WEIGHTS_FILE.name


@pytest.mark.real_data
@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_classifier_is_as_good_as_it_is_said_to_be(path: Path) -> None:
    images, labels = split("test")
    found = accuracy(load_classifier(path), images, labels)
    assert found >= 0.92
    assert found == pytest.approx(describe_weights(path)["test_accuracy"], abs=2e-4)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_shipped_files_belong_together_and_are_small(path: Path) -> None:
    content = path.read_bytes()
    assert len(content) < {WEIGHTS_FILE: 3_000_000, HELD_OUT_FILE: 1_000_000}[path]
    assert hashlib.sha256(content).hexdigest() == describe_weights(path)["sha256"]
    assert path.with_suffix(".md").read_text() == classifier_card(describe_weights(path), len(content))
    assert load_classifier(path).architecture == describe_weights(path)["settings"]["architecture"]


def test_the_network() -> None:
    network = ImageClassifier(generator=torch.Generator().manual_seed(0)).eval()
    assert sum(weight.numel() for weight in network.parameters()) == 421_642
    images = torch.rand(3, 1, 28, 28) * 2 - 1
    features = network.features(images)
    assert features.shape == (3, 128)
    assert features.min() == 0
    assert torch.equal(network(images), network.head(features))
    assert len(CLASS_NAMES) == network(images).shape[1]
    again = ImageClassifier(generator=torch.Generator().manual_seed(0)).eval()
    assert torch.equal(again(images), network(images))


def test_the_residual_network() -> None:
    network = ImageClassifier(generator=torch.Generator().manual_seed(0), architecture="residual").eval()
    assert sum(weight.numel() for weight in network.parameters()) == 222_250
    images = torch.rand(3, 1, 28, 28) * 2 - 1
    features = network.features(images)
    assert features.shape == (3, 96)
    assert features.min() >= 0
    assert torch.equal(network(images), network.head(features))
    with pytest.raises(ValueError, match="architecture must be one of convolutional, residual; got 'linear'"):
        ImageClassifier(architecture="linear")


def test_a_residual_block_adds_to_its_input() -> None:
    images = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    block = ResidualBlock(3, 3).eval()
    torch.nn.init.zeros_(block.convolutions[3].weight)
    assert torch.equal(block(images), images.relu())
    assert ResidualBlock(3, 5, stride=2)(images).shape == (2, 5, 3, 3)


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_the_loaded_network_is_frozen(path: Path) -> None:
    network = load_classifier(path)
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


def test_only_bytes_are_classified() -> None:
    with pytest.raises(TypeError, match="only uint8 images"):
        class_probabilities(load_classifier(), torch.zeros(2, 1, 28, 28))


def test_the_same_weights_are_the_same_bytes() -> None:
    assert encode_weights(load_classifier()) == WEIGHTS_FILE.read_bytes()


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


def test_an_older_description_names_no_architecture(copy: Path) -> None:
    description = json.loads(copy.with_suffix(".json").read_text())
    del description["settings"]["architecture"]
    copy.with_suffix(".json").write_text(json.dumps(description))
    assert load_classifier(copy).architecture == "convolutional"


def test_an_unknown_architecture_is_refused(copy: Path) -> None:
    description = json.loads(copy.with_suffix(".json").read_text())
    description["settings"]["architecture"] = "linear"
    copy.with_suffix(".json").write_text(json.dumps(description))
    with pytest.raises(WeightsError, match=r"does not hold the classifier's weights .*'linear'"):
        load_classifier(copy)


def test_without_safetensors_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    with pytest.raises(MissingExtraError, match=r'pip install -e "\.\[scores\]"'):
        load_classifier()
