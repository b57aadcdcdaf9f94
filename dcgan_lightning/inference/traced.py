"""Translation of PyTorch operations to the layers of `inference.operations`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx

from dcgan_lightning.core.errors import ExportError

_SAME_NUMBERS = (
    *(
        "view",
        "reshape",
        "unflatten",
        "flatten",
        "squeeze",
        "unsqueeze",
        "expand",
        "dropout",
        "feature_dropout",
    ),
    *("to", "_to_copy", "contiguous", "clone", "alias", "detach"),
)  # of one example, these leave the numbers as they are
PREVIOUS = "previous"  # name of an input: the output of the previous layer in the same list


class Layer(NamedTuple):
    """One layer of the set.

    Attributes:
        name: The layer's name in the interpreter.
        inputs: Names of values, constants, or `PREVIOUS`.
        tensors: The layer's weights; those that are None are omitted.
        numbers: The layer's other parameters.
    """

    name: str
    inputs: Sequence[Any]
    tensors: Mapping[str, Tensor | None] = {}
    numbers: Mapping[str, Any] = {}


Translation = Callable[[fx.Node, list[Any]], list[Layer]]
"""A node and its arguments, each a constant or the name of a value, to layers; an ExportError refuses it."""


def operation_of(node: fx.Node) -> str:
    """Return the name of a node's operation, such as "conv2d"."""
    return str(node.target).removeprefix("aten.").partition(".")[0]


def shape_of(node: fx.Node) -> list[int]:
    """Return the shape of one example of a node's output."""
    return [*node.meta["val"].shape[1:]]


def _source(node: fx.Node) -> Tensor:
    """Return the fake tensor of a node's first argument."""
    source = node.args[0]
    assert isinstance(source, fx.Node)
    value: Tensor = source.meta["val"]
    return value


def _argument(args: Sequence[Any], place: int, default: Any = None) -> Any:
    return args[place] if len(args) > place else default


def _pair(values: Any) -> list[int]:
    values = [values] if isinstance(values, int) else [*values]
    return values * 2 if len(values) == 1 else values


def _same_numbers(node: fx.Node, args: list[Any]) -> list[Layer]:
    """Translate an operation that only changes the shape of an example's values, or nothing."""
    name = operation_of(node)
    if name == "expand" and node.meta["val"].numel() != _source(node).numel():
        raise ExportError(f"the operation expand of {node.name} repeats numbers, which no layer does")
    if "dropout" in name and args[2]:
        raise ExportError("dropout that stays on after training has no layer in the browser's interpreter")
    return [Layer("reshape", args[:1])]


def _linear(node: fx.Node, args: list[Any]) -> list[Layer]:
    return [Layer("linear", args[:1], {"weight": args[1], "bias": _argument(args, 2)})]


def _matmul(node: fx.Node, args: list[Any]) -> list[Layer]:
    if isinstance(args[1], str) or len(shape_of(node)) != 1:
        raise ExportError(f"the product {node.name} of two activations has no layer in the interpreter")
    return [Layer("linear", args[:1], {"weight": args[1].T})]


def _convolution(node: fx.Node, args: list[Any]) -> list[Layer]:
    _check_plain(node, _pair(_argument(args, 5, 1)), _argument(args, 6, 1))
    kernel, padding = [*args[1].shape[2:]], _argument(args, 4, 0)
    if isinstance(padding, str):
        padding = [side // 2 for side in kernel] if padding == "same" else 0
    numbers = {"kernel": kernel, "stride": _pair(_argument(args, 3, 1)), "padding": _pair(padding)}
    return [Layer("convolution", args[:1], {"weight": args[1], "bias": _argument(args, 2)}, numbers)]


def _transposed(node: fx.Node, args: list[Any]) -> list[Layer]:
    _check_plain(node, _pair(_argument(args, 7, 1)), _argument(args, 6, 1))
    kernel, stride, padding = [*args[1].shape[2:]], _argument(args, 3, 1), _argument(args, 4, 0)
    tensors = {"weight": args[1].permute(1, 2, 3, 0), "bias": _argument(args, 2)}
    numbers = {"kernel": kernel, "stride": _pair(stride), "padding": _pair(padding)}
    return [Layer("transposed_convolution", args[:1], tensors, numbers)]


def _check_plain(node: fx.Node, dilation: list[int], groups: int) -> None:
    if dilation != [1, 1] or groups != 1:
        raise ExportError(f"{node.name} has dilation or groups, which the interpreter's layers do not know")


def _batch_norm(node: fx.Node, args: list[Any]) -> list[Layer]:
    weight, bias, mean, variance = args[1:5]
    scale = torch.rsqrt(variance.double() + args[7])
    scale = scale if weight is None else scale * weight.double()
    shift = -mean.double() * scale
    shift = shift if bias is None else shift + bias.double()
    return [Layer("scale_and_shift", args[:1], {"scale": scale.float(), "shift": shift.float()})]


def _instance_norm(node: fx.Node, args: list[Any]) -> list[Layer]:
    if not args[5]:
        return _batch_norm(node, args)
    return [Layer("instance_norm", args[:1], {"scale": args[1], "shift": args[2]}, {"epsilon": args[7]})]


def _leaky_relu(node: fx.Node, args: list[Any]) -> list[Layer]:
    slope = 0.0 if operation_of(node).startswith("relu") else _argument(args, 1, 0.01)
    return [Layer("leaky_relu", args[:1], numbers={"slope": slope})]


def _each(name: str) -> Translation:
    return lambda node, args: [Layer(name, args[:1])]


def _each_pair(name: str) -> Translation:
    def translate(node: fx.Node, args: list[Any]) -> list[Layer]:
        _check_broadcast(node)
        if node.kwargs:
            raise ExportError(f"{node.name} has options {sorted(node.kwargs)}, which the interpreter lacks")
        return [Layer(name, args[:2])]

    return translate


def _addcmul(node: fx.Node, args: list[Any]) -> list[Layer]:
    _check_broadcast(node)
    return [Layer("multiply", args[1:3]), Layer("add", [PREVIOUS, args[0]])]


def _check_broadcast(node: fx.Node) -> None:
    """Refuse operands that are not broadcast along contiguous parts of the output."""
    whole = [1, *shape_of(node)]
    for operand in node.args:
        if isinstance(operand, fx.Node):
            sides = [*operand.meta["val"].shape]
            sides = [1] * (len(whole) - len(sides)) + sides
            while sides and sides[-1] == 1:
                sides.pop()
            if sides != whole[: len(sides)]:
                raise ExportError(f"the interpreter cannot combine the shapes of {node.name}")


def _concatenate(node: fx.Node, args: list[Any]) -> list[Layer]:
    if _argument(args, 1, 0) % (len(shape_of(node)) + 1) != 1:
        raise ExportError(f"{node.name} concatenates along another dimension than the channels")
    return [Layer("concatenate", args[0])]


def _slice(node: fx.Node, args: list[Any]) -> list[Layer]:
    source = _source(node)
    if node.meta["val"].shape == source.shape:
        return [Layer("reshape", args[:1])]
    dimension = _argument(args, 1, 0) % source.ndim
    if dimension < 2 or _argument(args, 4, 1) != 1:
        raise ExportError(f"{node.name} takes a part of the channels, or every n-th pixel")
    start = (_argument(args, 2) or 0) % source.shape[dimension]
    return [Layer("crop", args[:1], numbers={"start": [start, 0] if dimension == 2 else [0, start]})]


def _pad(node: fx.Node, args: list[Any]) -> list[Layer]:
    mode = "reflect" if operation_of(node).startswith("reflection") else _argument(args, 2, "constant")
    if mode not in ("constant", "reflect", "replicate") or (mode == "constant" and _argument(args, 3)):
        raise ExportError(f"{node.name} pads in a way that the interpreter lacks")
    left, _, top, _ = args[1]
    return [Layer("pad", args[:1], numbers={"padding": [top, left], "mode": mode})]


def _pixel_shuffle(node: fx.Node, args: list[Any]) -> list[Layer]:
    return [Layer("pixel_shuffle", args[:1], numbers={"factor": args[1]})]


TRANSLATIONS: dict[str, Translation] = {
    "linear": _linear,
    "matmul": _matmul,
    "mm": _matmul,
    "conv2d": _convolution,
    "conv_transpose2d": _transposed,
    "batch_norm": _batch_norm,
    "instance_norm": _instance_norm,
    "relu": _leaky_relu,
    "leaky_relu": _leaky_relu,
    "tanh": _each("tanh"),
    "sigmoid": _each("sigmoid"),
    "add": _each_pair("add"),
    "mul": _each_pair("multiply"),
    "addcmul": _addcmul,
    "cat": _concatenate,
    "slice": _slice,
    "pad": _pad,
    "reflection_pad2d": _pad,
    "pixel_shuffle": _pixel_shuffle,
    "upsample_nearest2d": _each("enlarge_nearest"),
} | dict.fromkeys(_SAME_NUMBERS, _same_numbers)
