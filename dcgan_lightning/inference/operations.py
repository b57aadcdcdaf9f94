"""A network as a list of plain operations, for interpreters outside PyTorch, such as the play page's.

``torch.export`` traces the network; each PyTorch operation is translated to layers of a small set, the only
ones that an interpreter must implement. Operations refer to their inputs by name, which covers skip
connections and residual sums.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, fx, nn
from torch.func import functional_call

from dcgan_lightning.core.errors import ExportError
from dcgan_lightning.core.pixels import to_uint8
from dcgan_lightning.inference.traced import PREVIOUS, TRANSLATIONS, Layer, operation_of, shape_of
from dcgan_lightning.networks.modes import inference

log = logging.getLogger(__name__)

Precision = Literal["float16", "float32"]

_TYPES: dict[Precision, torch.dtype] = {"float16": torch.float16, "float32": torch.float32}
_CHECKS = ("_assert_tensor_metadata", "_assert_scalar", "sym_constrain_range_for_size")  # compute nothing


@dataclass
class NetworkDescription:
    """A network in plain values, for one example at a time.

    Attributes:
        inputs: Name and shape of each, without the number of examples.
        operations: In the order in which they are computed. Each has a ``layer``, a ``name``, the names of
            its ``inputs``, its output's ``shape``, for each of its ``tensors`` the place in the list of that
            name, and the layer's own numbers.
        output: Name of the operation that makes the images.
        tensors: For each the ``type``, and where it is in the weights: ``start`` in bytes, ``count`` in
            numbers.
        weights: All tensors one after the other, little-endian.
    """

    inputs: list[dict[str, Any]]
    operations: list[dict[str, Any]] = field(default_factory=list)
    output: str = ""
    tensors: list[dict[str, Any]] = field(default_factory=list)
    weights: bytearray = field(default_factory=bytearray)


def describe_network(
    network: nn.Module, inputs: Mapping[str, Tensor], precision: Precision = "float16"
) -> NetworkDescription:
    """Describe what a network computes in inference mode.

    Args:
        network: The network; its own mode is restored.
        inputs: An example of each argument by name, (1, ...).
        precision: Precision of the weights; vectors such as biases and statistics always have 32 bits.

    Raises:
        ExportError: The network has an operation that is not in the set.
    """
    with inference(network):
        program = torch.export.export(network, tuple(inputs.values()), strict=False)
    builder = _Builder(inputs, precision)
    signature = program.graph_signature
    names = signature.inputs_to_parameters | signature.inputs_to_buffers
    names |= signature.inputs_to_lifted_tensor_constants
    state = program.state_dict | program.constants
    given = iter(inputs)
    for node in program.graph.nodes:
        if node.op == "placeholder":
            builder.values[node] = state[names[node.name]] if node.name in names else next(given)
        elif node.op == "call_function":
            builder.add(node)
        elif node.op == "output":
            builder.description.output = builder.values[node.args[0][0]]
    return builder.description


def rounded(network: nn.Module, precision: Precision) -> dict[str, Tensor]:
    """Return a network's weights rounded as in a description of that precision, for ``functional_call``."""
    return {
        name: value.to(_TYPES[precision]).to(value.dtype)
        if value.ndim > 1 and value.is_floating_point()
        else value
        for name, value in network.state_dict().items()
    }


def describe_compactly(network: nn.Module, inputs: Mapping[str, Tensor]) -> NetworkDescription:
    """Describe what a network computes, with 16-bit weights if they give the same images.

    Args:
        network: A network that makes images in [-1, 1]; its own mode is restored.
        inputs: Many examples of each argument by name, (N, ...). 16-bit weights are used only if no pixel of
            any example's image deviates by more than one grey level.

    Raises:
        ExportError: See `describe_network`.
    """
    with inference(network), torch.no_grad():
        images, copies = (
            to_uint8(functional_call(network, weights, tuple(inputs.values()))).int()
            for weights in ({}, rounded(network, "float16"))
        )
    levels = int((images - copies).abs().max())
    if levels > 1:
        log.info("weights of 32 bits: with 16 bits some pixels would be %d grey levels off", levels)
    first = {name: value[:1] for name, value in inputs.items()}
    return describe_network(network, first, "float16" if levels <= 1 else "float32")


class _Builder:
    """Translates PyTorch operations one by one.

    Args:
        inputs: See `describe_network`.
        precision: See `describe_network`.

    Attributes:
        description: The description so far.
        values: The value of each node of the graph: a constant, or the name of an input or operation.
    """

    def __init__(self, inputs: Mapping[str, Tensor], precision: Precision) -> None:
        sizes = [{"name": name, "shape": [*value.shape[1:]]} for name, value in inputs.items()]
        self.description = NetworkDescription(sizes)
        self.values: dict[fx.Node, Any] = {}
        self.precision = precision

    def add(self, node: fx.Node) -> None:
        """Translate a node, or evaluate it if it does not depend on an input.

        Raises:
            ExportError: The operation is not in the set.
        """
        name = operation_of(node)
        if name in _CHECKS:
            return
        args = [*fx.map_arg(node.args, self.values.__getitem__)]
        if not any(isinstance(value, str) for value in _flat(args)):
            assert callable(node.target)
            self.values[node] = node.target(*args, **node.kwargs)
            return
        translate = TRANSLATIONS.get(name) or TRANSLATIONS.get(name.removesuffix("_"))
        if translate is None:
            raise ExportError(
                f"the operation {name} of {node.name} has no layer in the browser's interpreter; "
                "make images with python -m dcgan_lightning.generate or translate instead"
            )
        *others, last = translate(node, args)
        before = ""
        for number, layer in enumerate(others):
            before = self._append(node, layer, f"{node.name}_{number}", before)
        self.values[node] = self._append(node, last, node.name, before)
        if name.endswith("_") and isinstance(node.args[0], fx.Node):
            self.values[node.args[0]] = self.values[node]  # changed in place: later readers see it

    def _append(self, node: fx.Node, layer: Layer, name: str, before: str) -> str:
        """Append a layer's operation and return its name."""
        inputs = [before if value is PREVIOUS else value for value in layer.inputs]
        names = [
            value if isinstance(value, str) else self._constant(node, value, f"{name}_input_{place}")
            for place, value in enumerate(inputs)
        ]
        tensors = {key: self._keep(value) for key, value in layer.tensors.items() if value is not None}
        operation = {"layer": layer.name, "name": name, "inputs": names, "shape": shape_of(node)}
        self.description.operations.append(operation | {"tensors": tensors, **layer.numbers})
        return name

    def _constant(self, node: fx.Node, value: Tensor | float, name: str) -> str:
        tensor = torch.as_tensor(value, dtype=torch.float32)
        tensor = tensor[0] if tensor.ndim == len(shape_of(node)) + 1 else tensor
        operation = {"layer": "constant", "name": name, "inputs": [], "shape": [*tensor.shape]}
        self.description.operations.append(operation | {"tensors": {"value": self._keep(tensor)}})
        return name

    def _keep(self, tensor: Tensor) -> int:
        """Store a tensor and return its index."""
        precision = self.precision if tensor.ndim > 1 else "float32"
        data = tensor.detach().cpu().contiguous().to(_TYPES[precision]).numpy()
        kept = {"type": precision, "start": len(self.description.weights), "count": tensor.numel()}
        self.description.weights += data.astype(data.dtype.newbyteorder("<")).tobytes()
        self.description.tensors.append(kept)
        return len(self.description.tensors) - 1


def _flat(values: Sequence[Any]) -> list[Any]:
    return [item for value in values for item in (value if isinstance(value, list | tuple) else [value])]
