"""File formats for the export of a trained network: writing, and reading back."""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.networks import PortableNetwork

ONNX_OPSET = 18
_EXAMPLES = 2  # batch size for tracing; the exported network accepts any batch size
# By the input's name, as code.
_TORCH_INPUTS = {
    "z": "torch.randn({shape})",
    "labels": "torch.arange(16) % {classes}",
    "images": "2 * torch.rand({shape}) - 1",
}
_NUMPY_INPUTS = {
    "z": 'numpy.random.standard_normal(({shape})).astype("float32")',
    "labels": "numpy.arange(16) % {classes}",
    "images": 'numpy.random.uniform(-1, 1, ({shape})).astype("float32")',
}

MakeImages = Callable[..., Tensor]
"""What a network takes (see `PortableNetwork.input_names`) to images (N, C, H, W)."""


@dataclass(frozen=True)
class Format:
    """A file format.

    Attributes:
        files: File names; the first file holds the weights.
        needs: Packages needed to use the files; "dcgan_lightning" is this project without its dependencies.
        write: Writes a network in inference mode into a folder.
        read: Reads a folder and returns the network as a function.
        example: Python code that makes 16 images, run in the folder (see `example_code`).
    """

    files: Sequence[str]
    needs: Sequence[str]
    write: Callable[[PortableNetwork, Path], None]
    read: Callable[[Path], MakeImages]
    example: str


def install_commands(needs: Sequence[str]) -> str:
    """Return the shell commands that install the packages of a format, and no others.

    Args:
        needs: See `Format`.
    """
    packages = [name for name in needs if name != "dcgan_lightning"]
    lines = [f"pip install {' '.join(packages)}"]
    if "dcgan_lightning" in needs:
        lines.append("pip install --no-deps .  # in a checkout of dcgan_lightning")
    return "\n".join(lines)


def example_code(name: str, network: PortableNetwork) -> str:
    """Return Python code that makes 16 images with a format's files; with classes, of each class in turn."""
    inputs = dict(zip(network.input_names, network.example_inputs(16), strict=True))
    values = {
        "shape": ", ".join(map(str, next(iter(inputs.values())).shape)),
        "classes": network.arguments.get("classes"),
    }
    feeds = (f'"{key}": {_NUMPY_INPUTS[key].format(**values)}' for key in inputs)
    return FORMATS[name].example.format(
        network=type(network).__name__,
        inputs=", ".join(_TORCH_INPUTS[key].format(**values) for key in inputs),
        feeds=", ".join(feeds),
        output=network.output_name,
    )


def largest_deviation(original: PortableNetwork, copy: MakeImages, *inputs: Tensor) -> float:
    """Return the largest difference between the pixels of two networks' outputs, which are in [-1, 1].

    Args:
        original: The original network, in inference mode.
        copy: The network read back.
        *inputs: Arguments of both.
    """
    with torch.no_grad():
        return float((copy(*inputs) - original(*inputs)).abs().max())


def _tracing(network: PortableNetwork) -> dict[str, Any]:
    """Return the arguments of both exporters: example inputs, and the dynamic batch size."""
    batch = torch.export.Dim("batch", min=1)
    return {
        "args": network.example_inputs(_EXAMPLES),
        "dynamic_shapes": {name: {0: batch} for name in network.input_names},
    }


def _write_program(network: PortableNetwork, folder: Path) -> None:
    program = torch.export.export(network, **_tracing(network))
    for module in program.graph_module.modules():
        if isinstance(module, torch.fx.GraphModule):
            for node in module.graph.nodes:
                node.meta.pop("stack_trace", None)  # contains paths of this machine
    buffer = io.BytesIO()
    torch.export.save(program, buffer)
    write_atomic(folder / "generator.pt2", buffer.getbuffer())


def _read_program(folder: Path) -> MakeImages:
    make_images: MakeImages = torch.export.load(folder / "generator.pt2").module()
    return make_images


def _write_onnx(network: PortableNetwork, folder: Path) -> None:
    import onnx

    # Traced by itself: for several inputs that share the batch size, the exporter warns of its name.
    program = torch.onnx.export(
        torch.export.export(network, **_tracing(network)),
        input_names=[*network.input_names],
        output_names=[network.output_name],
        opset_version=ONNX_OPSET,
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    assert program is not None
    traced: Any = program.model.graph.inputs[0]
    program.rename_axes({traced.shape[0].value: "batch"})
    model = program.model_proto
    graph = model.graph
    # PyTorch's stack trace of each operation, useless without its sources.
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

    names = [entry.name for entry in session.get_inputs()]

    def make_images(*inputs: Tensor) -> Tensor:
        feeds = {name: value.numpy() for name, value in zip(names, inputs, strict=True)}
        return torch.from_numpy(session.run(None, feeds)[0])

    return make_images


FORMATS = {
    "safetensors": Format(
        files=("model.safetensors", "config.json"),
        needs=("torch", "numpy", "safetensors", "dcgan_lightning"),
        write=PortableNetwork.save_pretrained,
        read=PortableNetwork.from_pretrained,
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
feeds = {{{feeds}}}
images = session.run(["{output}"], feeds)[0]""",
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
