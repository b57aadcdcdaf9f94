"""The files a trained generator is handed on as: how each is written, and how it is read back."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.networks import NoiseGenerator

ONNX_OPSET = 18
_INPUTS = ["z", "labels"]  # of a generator without classes the first only
_EXAMPLES = 2  # images of the batch that is traced; any number of at least 1 can be made afterwards

MakeImages = Callable[..., Tensor]
"""Noise vectors (N, latent_dim), and classes int64 (N,) if there are any, to images (N, C, 28, 28)."""


@dataclass(frozen=True)
class Format:
    """A way to store a generator.

    Attributes:
        files: What it is made of; the first one holds the weights.
        needs: Packages that using it needs; "dcgan_lightning" is this project, without what it depends on.
        write: Writes the files of a generator in inference mode into a folder.
        read: Returns a function that makes images as the files say.
        example: Python code that makes 16 images, run in the folder (see `example_code`).
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


def example_code(name: str, generator: NoiseGenerator) -> str:
    """Return Python code that makes 16 images with a format's files; with classes, of each class in turn."""
    shape, classes = f"16, {generator.latent_dim}", generator.classes
    return FORMATS[name].example.format(
        network=type(generator).__name__,
        shape=shape,
        inputs=f"torch.randn({shape})" + (f", torch.arange(16) % {classes}" if classes else ""),
        feeds='{"z": z' + (f', "labels": numpy.arange(16) % {classes}' if classes else "") + "}",
    )


def largest_deviation(original: NoiseGenerator, copy: MakeImages, *inputs: Tensor) -> float:
    """Return how far the pixels of two generators lie apart at most, in units of their range [-1, 1].

    Args:
        original: In inference mode.
        copy: Compared with it.
        *inputs: Noise (N, latent_dim), and classes (N,) if the generator knows any.
    """
    with torch.no_grad():
        return float((copy(*inputs) - original(*inputs)).abs().max())


def _tracing(generator: NoiseGenerator) -> dict[str, Any]:
    """Return what both exporters take: an example, and that any number of images may come."""
    batch = torch.export.Dim("batch", min=1)
    args: list[Tensor] = [torch.zeros(_EXAMPLES, generator.latent_dim)]
    if generator.classes:
        args.append(torch.zeros(_EXAMPLES, dtype=torch.int64))
    return {
        "args": tuple(args),
        "dynamic_shapes": {name: {0: batch} for name, _ in zip(_INPUTS, args, strict=False)},
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
        input_names=_INPUTS[: 2 if generator.classes else 1],
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

    def make_images(*inputs: Tensor) -> Tensor:
        feeds = {name: value.numpy() for name, value in zip(_INPUTS, inputs, strict=False)}
        return torch.from_numpy(session.run(["images"], feeds)[0])

    return make_images


FORMATS = {
    "safetensors": Format(
        files=("model.safetensors", "config.json"),
        needs=("torch", "numpy", "safetensors", "dcgan_lightning"),
        write=NoiseGenerator.save_pretrained,
        read=NoiseGenerator.from_pretrained,
        example="""\
import torch
from dcgan_lightning.networks import {network}

generator = {network}.from_pretrained(".")
images = generator({inputs}).detach().numpy()""",
    ),
    "onnx": Format(
        files=("generator.onnx",),
        needs=("numpy", "onnxruntime"),
        write=_write_onnx,
        read=_read_onnx,
        example="""\
import numpy, onnxruntime

session = onnxruntime.InferenceSession("generator.onnx")
z = numpy.random.standard_normal(({shape})).astype("float32")
images = session.run(["images"], {feeds})[0]""",
    ),
    "torch_export": Format(
        files=("generator.pt2",),
        needs=("torch", "numpy"),
        write=_write_program,
        read=_read_program,
        example="""\
import torch

generator = torch.export.load("generator.pt2").module()
images = generator({inputs}).detach().numpy()""",
    ),
}
