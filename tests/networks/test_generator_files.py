import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from dcgan_lightning.core.errors import CheckpointError, MissingExtraError
from dcgan_lightning.networks import Generator
from dcgan_lightning.networks.portable import CONFIG_FILE, WEIGHTS_FILE

SIZES = {
    "latent_dim": 5,
    "channels": [8, 6, 4],
    "image_channels": 3,
    "classes": 0,
    "negative_slope": 0.2,
    "image_size": 28,
}


@pytest.fixture
def generator(tmp_path: Path) -> Generator:
    """Return a generator whose files lie in tmp_path."""
    generator = Generator(5, (8, 6, 4), 3, 0.2)
    generator(torch.randn(4, 5))  # moves the statistics
    generator.save_pretrained(tmp_path)
    return generator


def change(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_the_files_hold_the_arguments_and_the_weights(generator: Generator, tmp_path: Path) -> None:
    assert json.loads((tmp_path / CONFIG_FILE).read_text())["generator"] == SIZES
    weights = load_file(tmp_path / WEIGHTS_FILE)
    assert weights.keys() == generator.state_dict().keys()
    assert torch.equal(
        weights["layers.conv2d_transpose.weight"], generator.layers.conv2d_transpose.weight.detach()
    )


def test_a_loaded_generator_is_the_one_that_was_saved(generator: Generator, tmp_path: Path) -> None:
    random_state = torch.get_rng_state()
    loaded = Generator.from_pretrained(str(tmp_path))
    assert torch.equal(torch.get_rng_state(), random_state)
    assert loaded.arguments == generator.arguments == SIZES
    assert not any(layer.training for layer in loaded.modules())
    for name, value in generator.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name
    z = torch.randn(3, 5)
    with torch.no_grad():
        assert torch.equal(loaded(z), generator.eval()(z))


def test_a_loaded_generator_can_be_trained_on(generator: Generator, tmp_path: Path) -> None:
    loaded = Generator.from_pretrained(tmp_path).train()
    loaded(torch.randn(4, 5)).square().mean().backward()
    torch.optim.SGD(loaded.parameters(), 0.1).step()
    assert not torch.equal(loaded.layers.dense.weight, generator.layers.dense.weight)
    assert int(loaded.layers.batch_normalization.num_batches_tracked) == 2


def test_the_fast_paths_are_the_readers_choice(generator: Generator, tmp_path: Path) -> None:
    for setting in (True, False, "auto"):
        loaded = Generator.from_pretrained(tmp_path, fast_paths=setting)
        assert loaded.layers.conv2d_transpose_1.fast_paths == setting


@pytest.mark.parametrize("name", [CONFIG_FILE, WEIGHTS_FILE])
def test_missing_files_are_named(generator: Generator, tmp_path: Path, name: str) -> None:
    (tmp_path / name).unlink()
    with pytest.raises(CheckpointError, match=f"holds no exported generator, {name} is missing; make one"):
        Generator.from_pretrained(tmp_path)
    with pytest.raises(CheckpointError, match=f"nowhere holds no exported generator, {CONFIG_FILE} is"):
        Generator.from_pretrained(tmp_path / "nowhere")


def flip_a_bit(folder: Path) -> None:
    data = bytearray((folder / WEIGHTS_FILE).read_bytes())
    data[-3] ^= 1
    (folder / WEIGHTS_FILE).write_bytes(data)


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (flip_a_bit, "the checksum of model.safetensors does not match"),
        (lambda folder: (folder / CONFIG_FILE).write_text("{"), "JSONDecodeError"),
        (lambda folder: (folder / CONFIG_FILE).write_text("[]"), "TypeError"),
        (lambda folder: (folder / CONFIG_FILE).write_bytes(b"\xff"), "UnicodeDecodeError"),
        (lambda folder: change(folder / CONFIG_FILE, sha256=None), "the checksum of model.safetensors"),
        (lambda folder: change(folder / CONFIG_FILE, generator={"latent": 5}), "keyword argument 'latent'"),
        (
            lambda folder: change(folder / CONFIG_FILE, generator=SIZES | {"latent_dim": 6}),
            "size mismatch for layers.dense.weight",
        ),
        (
            lambda folder: change(
                folder / CONFIG_FILE, generator=SIZES | {"channels": [10**6, 10**6, 10**6]}
            ),
            "size mismatch",  # refused before memory is taken for it
        ),
    ],
)
def test_damaged_files_are_refused_in_one_line(
    generator: Generator, tmp_path: Path, damage, reason: str
) -> None:
    damage(tmp_path)
    with pytest.raises(CheckpointError, match=r"cannot be used \(.*\); export it again$") as caught:
        Generator.from_pretrained(tmp_path)
    assert reason in str(caught.value)
    assert "\n" not in str(caught.value)


def test_without_safetensors_the_message_says_what_to_install(
    generator: Generator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    for action in (generator.save_pretrained, Generator.from_pretrained):
        with pytest.raises(MissingExtraError, match=r'pip install -e "\.\[export\]"'):
            action(tmp_path)
