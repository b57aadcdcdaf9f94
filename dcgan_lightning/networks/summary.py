"""The notebook's ``model.summary()``: layers, output shapes, parameters."""

from torch import Tensor, nn
from torch.nn.utils.parametrize import is_parametrized
from torch.utils.hooks import RemovableHandle

from dcgan_lightning.networks.modes import inference

_LINE = "{:<46}{:<24}{:>12}"
_WIDTH = 82


def count_parameters(network: nn.Module) -> tuple[int, int]:
    """Return the numbers of trainable and non-trainable parameters, counted as in Keras.

    Args:
        network: Its floating-point buffers (BatchNorm's moving statistics) count as non-trainable.
    """
    trainable = sum(parameter.numel() for parameter in network.parameters() if parameter.requires_grad)
    frozen = sum(parameter.numel() for parameter in network.parameters() if not parameter.requires_grad)
    statistics = sum(buffer.numel() for buffer in network.buffers() if buffer.is_floating_point())
    return trainable, frozen + statistics


def summarize(name: str, network: nn.Module, *example: Tensor) -> str:
    """Return a table of a network's layers in the format of the notebook.

    Args:
        name: The network's name in its system.
        network: Not changed.
        *example: Arguments of the network, with a batch of any size.
    """
    rows: list[tuple[str, str, int]] = []
    hooks: list[RemovableHandle] = []

    for path, layer in network.named_modules():
        is_leaf = is_parametrized(layer) or not any(layer.children())
        if not is_leaf or "parametrizations" in path.split("."):
            continue

        def record(layer: nn.Module, _: object, output: Tensor, path: str = path) -> None:
            shape = ", ".join(["None", *map(str, output.shape[1:])])
            kind = type(layer).__name__.removeprefix("Parametrized")
            label = f"{path.rpartition('.')[2]} ({kind})"
            rows.append((label, f"({shape})", sum(count_parameters(layer))))

        hooks.append(layer.register_forward_hook(record))
    try:
        with inference(network):
            network(*example)
    finally:
        for hook in hooks:
            hook.remove()

    trainable, fixed = count_parameters(network)
    return "\n".join(
        [
            f"Network: {name} ({type(network).__name__})",
            "_" * _WIDTH,
            _LINE.format("Layer (type)", "Output shape", "Parameters"),
            "=" * _WIDTH,
            *(_LINE.format(label, shape, f"{count:,}") for label, shape, count in rows),
            "=" * _WIDTH,
            f"Total parameters: {trainable + fixed:,}",
            f"Trainable parameters: {trainable:,}",
            f"Non-trainable parameters: {fixed:,}",
            "_" * _WIDTH,
        ]
    )
