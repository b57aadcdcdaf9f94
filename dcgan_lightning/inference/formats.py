"""The files a trained generator is handed on as: how each is written, and how it is read back."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.networks import Generator, NoiseGenerator

ONNX_OPSET = 18
_EXAMPLES = 2  # images of the batch that is traced; any number of at least 1 can be made afterwards

MakeImages = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Format:
    """A way to store a generator.

    Attributes:
        files: What it is made of; the first one holds the weights.
        needs: Packages that using it needs; "dcgan_lightning" is this project, without what it depends on.
        write: Writes the files of a generator in inference mode into a folder.
        read: Returns a function that makes images as the files say: (N, latent_dim) to (N, C, 28, 28).
        example: Python code that makes 16 images, run in the folder; ``{latent_dim}`` is to be filled in.
    """

    files: Sequence[str]
    needs: Sequence[str]
    write: Callable[[NoiseGenerator, Path], None]
    read: Callable[[Path], MakeImages]
    example: str


def install_commands(needs: Sequence[str]) -> str:
    """Return the shell commands that install what a format needs, and nothing else.

    Args:
        needs: See `Format`.
    """
    packages = [name for name in needs if name != "dcgan_lightning"]
    lines = [f"pip install {' '.join(packages)}"]
    if "dcgan_lightning" in needs:
        lines.append("pip install --no-deps .  # in a checkout of dcgan_lightning")
    return "\n".join(lines)


def largest_deviation(original: NoiseGenerator, copy: MakeImages, noise: Tensor) -> float:
    """Return how far the pixels of two generators lie apart at most, in units of their range [-1, 1].

    Args:
        original: In inference mode.
        copy: Compared with it.
        noise: (N, latent_dim).
    """
    with torch.no_grad():
        return float((copy(noise) - original(noise)).abs().max())


def _tracing(generator: NoiseGenerator) -> dict[str, Any]:
    """Return what both exporters take: an example, and that any number of images may come."""
    batch = torch.export.Dim("batch", min=1)
    return {
        "args": (torch.zeros(_EXAMPLES, generator.latent_dim),),
        "dynamic_shapes": {"z": {0: batch}},
    }


def _write_program(generator: NoiseGenerator, folder: Path) -> None:
    program = torch.export.export(generator, **_tracing(generator))
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)  # holds paths of this machine
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    write_atomic(folder / "generator.pt2", buffer.getbuffer())


def _read_program(folder: Path) -> MakeImages:
    make_images: MakeImages = torch.export.load(folder / "generator.pt2").module()
    return make_images


def _write_onnx(generator: NoiseGenerator, folder: Path) -> None:
    import onnx

    program = torch.onnx.export(
        generator,
        **_tracing(generator),
        input_names=["z"],
        output_names=["images"],
        opset_version=ONNX_OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    assert program is not None
    model = program.model_proto
    graph = model.graph
    # How PyTorch came to each operation: of no use without its sources.
    parts: list[Any] = [*graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer]
    for part in [model, graph, *parts]:
        del part.metadata_props[:]
    onnx.checker.check_model(model, full_check=True)
    write_atomic(folder / "generator.onnx", model.SerializeToString())


def _read_onnx(folder: Path) -> MakeImages:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(
        folder / "generator.onnx", options, providers=["CPUExecutionProvider"]
    )
    return lambda noise: torch.from_numpy(session.run(["images"], {"z": noise.numpy()})[0])


FORMATS = {
    "safetensors": Format(
        files=("model.safetensors", "config.json"),
        needs=("torch", "numpy", "safetensors", "dcgan_lightning"),
        write=Generator.save_pretrained,
        read=Generator.from_pretrained,
        example="""\
import torch
from dcgan_lightning.networks import Generator

generator = Generator.from_pretrained(".")
images = generator(torch.randn(16, {latent_dim})).detach().numpy()""",
    ),
    "onnx": Format(
        files=("generator.onnx",),
        needs=("numpy", "onnxruntime"),
        write=_write_onnx,
        read=_read_onnx,
        example="""\
import numpy, onnxruntime

session = onnxruntime.InferenceSession("generator.onnx")
z = numpy.random.standard_normal((16, {latent_dim})).astype("float32")
images = session.run(["images"], {{"z": z}})[0]""",
    ),
    "torch_export": Format(
        files=("generator.pt2",),
        needs=("torch", "numpy"),
        write=_write_program,
        read=_read_program,
        example="""\
import torch

generator = torch.export.load("generator.pt2").module()
images = generator(torch.randn(16, {latent_dim})).detach().numpy()""",
    ),
}
