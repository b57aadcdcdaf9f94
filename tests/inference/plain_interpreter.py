"""Computes what `describe_network` returns, with PyTorch's functions: one for each layer of the set."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan_lightning.inference.operations import NetworkDescription


def compute(description: NetworkDescription, *inputs: Tensor) -> Tensor:
    """Return the output for one example, without the dimension of examples."""
    values = {item["name"]: value for item, value in zip(description.inputs, inputs, strict=True)}
    for operation in description.operations:
        tensors = {name: _read(description, place) for name, place in operation["tensors"].items()}
        arguments = [values[name] for name in operation["inputs"]]
        output = LAYERS[operation["layer"]](operation, tensors, *arguments)
        assert output.numel() == torch.Size(operation["shape"]).numel(), operation
        values[operation["name"]] = output.reshape(operation["shape"])
    return values[description.output]


def _read(description: NetworkDescription, place: int) -> Tensor:
    entry = description.tensors[place]
    kind = np.dtype(entry["type"]).newbyteorder("<")
    numbers = np.frombuffer(bytes(description.weights), kind, entry["count"], entry["start"])
    return torch.from_numpy(numbers.astype(np.float32))


def _linear(operation: Any, tensors: Any, x: Tensor) -> Tensor:
    return F.linear(x, tensors["weight"].view(-1, len(x)), tensors.get("bias"))


def _convolution(operation: Any, tensors: Any, x: Tensor) -> Tensor:
    weight = tensors["weight"].view(-1, len(x), *operation["kernel"])
    return F.conv2d(x[None], weight, tensors.get("bias"), operation["stride"], operation["padding"])


def _transposed(operation: Any, tensors: Any, x: Tensor) -> Tensor:
    features, rows, columns = operation["shape"]
    weight = tensors["weight"].view(features, *operation["kernel"], len(x)).permute(3, 0, 1, 2)
    full = F.conv_transpose2d(x[None], weight, tensors.get("bias"), operation["stride"])
    top, left = operation["padding"]
    return F.pad(full, (0, 9, 0, 9))[..., top : top + rows, left : left + columns]


def _instance_norm(operation: Any, tensors: Any, x: Tensor) -> Tensor:
    scale, shift = tensors.get("scale"), tensors.get("shift")
    return F.instance_norm(x[None], weight=scale, bias=shift, eps=operation["epsilon"])


def _crop(operation: Any, tensors: Any, x: Tensor) -> Tensor:
    (top, left), (_, rows, columns) = operation["start"], operation["shape"]
    return x[:, top : top + rows, left : left + columns]


def _pad(operation: Any, tensors: Any, x: Tensor) -> Tensor:
    (top, left), (_, rows, columns) = operation["padding"], operation["shape"]
    sides = (left, columns - x.shape[2] - left, top, rows - x.shape[1] - top)
    return F.pad(x[None], sides, mode=operation["mode"])


LAYERS: Any = {
    "linear": _linear,
    "convolution": _convolution,
    "transposed_convolution": _transposed,
    "scale_and_shift": lambda o, t, x: (
        x * t["scale"].view(-1, *[1] * (x.ndim - 1)) + t["shift"].view(-1, *[1] * (x.ndim - 1))
    ),
    "instance_norm": _instance_norm,
    "leaky_relu": lambda o, t, x: F.leaky_relu(x, o["slope"]),
    "tanh": lambda o, t, x: x.tanh(),
    "sigmoid": lambda o, t, x: x.sigmoid(),
    "add": lambda o, t, x, y: x + y,
    "multiply": lambda o, t, x, y: x * y,
    "concatenate": lambda o, t, *values: torch.cat(values),
    "crop": _crop,
    "pad": _pad,
    "pixel_shuffle": lambda o, t, x: F.pixel_shuffle(x[None], o["factor"]),
    "enlarge_nearest": lambda o, t, x: F.interpolate(x[None], size=o["shape"][1:]),
    "reshape": lambda o, t, x: x,
    "constant": lambda o, t: t["value"],
}
