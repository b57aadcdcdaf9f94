import contextlib
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch

from dcgan_lightning.config.commands import EXPORT_FORMATS
from dcgan_lightning.export import PACKAGES
from dcgan_lightning.inference.formats import (
    FORMATS,
    ONNX_OPSET,
    example_code,
    install_commands,
    largest_deviation,
)
from dcgan_lightning.networks import Generator
from dcgan_lightning.networks.sngan import SNGANGenerator

ROOT = Path(__file__).resolve().parents[2]
# Refuses to import them, as on a machine that does not have them.
WITHOUT = "import sys; sys.modules.update(dict.fromkeys({!r}))\n"


def make_generator(fast_paths: bool = True, image_channels: int = 1) -> Generator:
    """Return one whose layers are large enough for the fast paths, with statistics that do something."""
    weights = torch.Generator().manual_seed(1)
    generator = Generator(6, (48, 44, 4), image_channels, generator=weights, fast_paths=fast_paths)
    with torch.no_grad():
        for _ in range(20):
            generator(torch.randn(32, 6, generator=weights))
    return generator.eval().requires_grad_(False)


def test_the_same_formats_everywhere() -> None:
    assert tuple(FORMATS) == EXPORT_FORMATS == tuple(PACKAGES)


@pytest.mark.parametrize("name", EXPORT_FORMATS)
@pytest.mark.parametrize("image_channels", [1, 3])
def test_the_files_make_the_originals_images_at_any_batch_size(
    tmp_path: Path, name: str, image_channels: int
) -> None:
    generator = make_generator(image_channels=image_channels)
    FORMATS[name].write(generator, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == set(FORMATS[name].files)
    copy = FORMATS[name].read(tmp_path)
    for count in (1, 2, 7, 64, 300):
        noise = torch.randn(count, 6, generator=torch.Generator().manual_seed(count))
        assert copy(noise).shape == (count, image_channels, 28, 28)
        np.testing.assert_allclose(copy(noise).detach(), generator(noise), rtol=0, atol=2e-6)
    for path in tmp_path.iterdir():
        assert str(ROOT).encode() not in path.read_bytes()  # PyTorch keeps where each operation came from


def test_onnx_holds_plain_operations_and_a_free_batch_size(tmp_path: Path) -> None:
    import onnx

    FORMATS["onnx"].write(make_generator(), tmp_path)
    model = onnx.load(tmp_path / "generator.onnx")
    assert [(opset.domain, opset.version) for opset in model.opset_import] == [("", ONNX_OPSET)]
    operations = {node.op_type for node in model.graph.node}
    known = {"BatchNormalization", "ConvTranspose", "Gemm", "LeakyRelu", "MatMul", "Reshape", "Slice", "Tanh"}
    known |= {"Concat", "Shape"}  # PyTorch 2.11 works out the batch size within the model
    assert {"ConvTranspose", "Tanh"} <= operations <= known
    assert {node.domain for node in model.graph.node} == {""}
    (z,), (images,) = model.graph.input, model.graph.output
    assert (z.name, images.name) == ("z", "images")
    for value, rest in ((z, [6]), (images, [1, 28, 28])):
        batch, *others = value.type.tensor_type.shape.dim
        assert batch.dim_param == "batch"
        assert [side.dim_value for side in others] == rest


def test_the_largest_deviation_is_that_of_a_single_pixel() -> None:
    generator = make_generator()

    def copy(noise: torch.Tensor) -> torch.Tensor:
        images = generator(noise)
        images[1, 0, 3, 4] -= 0.25
        images[0, 0, 0, 0] += 0.125
        return images

    assert largest_deviation(generator, copy, torch.zeros(2, 6)) == pytest.approx(0.25, abs=1e-6)
    assert largest_deviation(generator, generator, torch.zeros(2, 6)) == 0.0


@pytest.mark.parametrize(
    ("names", "blocked"),
    [
        (("safetensors",), ("pytorch_lightning", "lightning_fabric", "hydra", "omegaconf", "onnxruntime")),
        (("onnx", "torch_export"), ("dcgan_lightning", "pytorch_lightning", "hydra", "safetensors")),
    ],
    ids=["without Lightning and Hydra", "without this package"],
)
def test_the_examples_run_where_little_is_installed(
    tmp_path: Path, names: tuple[str, ...], blocked: tuple[str, ...]
) -> None:
    generator = make_generator()
    code = WITHOUT.format(blocked)
    for name in names:
        FORMATS[name].write(generator, tmp_path)
        code += f"{example_code(name, Generator(6, (8, 6, 4)))}\nprint(images.shape, images.dtype)\n"
    code += "import numpy\nz = numpy.linspace(-2, 2, 18, dtype='float32').reshape(3, 6)\n"
    code += (
        "numpy.save('images.npy', session.run(None, {'z': z})[0])\n"
        if "onnx" in names
        else "numpy.save('images.npy', generator(torch.from_numpy(z)).detach().numpy())\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "(16, 1, 28, 28) float32\n" * len(names)
    z = torch.linspace(-2, 2, 18).view(3, 6)
    np.testing.assert_allclose(np.load(tmp_path / "images.npy"), generator(z), rtol=0, atol=2e-6)


def distributions_of(names: Sequence[str]) -> set[str]:
    """Return packages and all that they depend on themselves, but of this project only itself."""
    found: set[str] = set()
    waiting = [*names]
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in found:
            continue
        found.add(name)
        if name != "dcgan-lightning":
            with contextlib.suppress(metadata.PackageNotFoundError):  # for other platforms
                required = [text for text in metadata.requires(name) or () if "extra ==" not in text]
                waiting += [re.match(r"[\w.-]+", text)[0] for text in required]  # type: ignore[index]
    return found


@pytest.mark.parametrize("name", FORMATS)
def test_what_the_card_installs_is_enough_for_its_example(tmp_path: Path, name: str) -> None:
    allowed = distributions_of(FORMATS[name].needs)
    blocked = [
        module
        for module, owners in metadata.packages_distributions().items()
        if not any(re.sub(r"[-_.]+", "-", owner).lower() in allowed for owner in owners)
        and module.isidentifier()
        and not module.startswith("_")  # of the editable installation
    ]
    assert {"pytorch_lightning", "hydra", "torchvision", "matplotlib", "PIL"} < {*blocked}
    FORMATS[name].write(make_generator(), tmp_path)
    code = WITHOUT.format(tuple(blocked)) + example_code(name, Generator(6, (8, 6, 4)))
    result = subprocess.run(
        [sys.executable, "-c", f"{code}\nprint(images.shape)"],
        cwd=tmp_path,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout == "(16, 1, 28, 28)\n"


def test_the_commands_that_install_it() -> None:
    assert install_commands(FORMATS["safetensors"].needs).splitlines() == [
        "pip install torch numpy safetensors",
        "pip install --no-deps .  # in a checkout of dcgan_lightning",
    ]
    assert install_commands(FORMATS["onnx"].needs) == "pip install numpy onnxruntime"


def test_an_onnx_file_of_several_inputs_is_written_without_a_warning(tmp_path: Path) -> None:
    import onnx

    generator = SNGANGenerator(latent_dim=6, channels=(8, 4), classes=3).eval().requires_grad_(False)
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        FORMATS["onnx"].write(generator, tmp_path)
    graph = onnx.load(tmp_path / "generator.onnx").graph
    assert [value.name for value in graph.input] == ["z", "labels"]
    for value in (*graph.input, *graph.output):
        assert value.type.tensor_type.shape.dim[0].dim_param == "batch"
