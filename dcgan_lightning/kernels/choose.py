"""Where the fast paths are used: on the CPU, for the sizes for which they were measured to win.

The bounds come from forward and backward passes of single layers, side by side on two cores of an AMD EPYC
with MKL (``tests/benchmarks/layers.py`` repeats it). They depend on nothing but types and sizes, so a run
takes the same way every time.
"""

from typing import Literal

import torch
from torch import Tensor

FastPaths = bool | Literal["auto", "bfloat16"]

FREQUENCY_MIN_COUNT = {1: 16, 2: 64}  # images, for each stride
FREQUENCY_MIN_CHANNELS = 2048  # input channels times output channels
FREQUENCY_MAX_SIDE = {
    1: 8,
    2: 14,
}  # pixels of the larger image, for each stride; above it, up to twice as slow
PATCHES_MAX_CHANNELS = 1  # of the larger image; with three PyTorch's own are faster


def use_patches(setting: FastPaths, images: Tensor, outer_channels: int) -> bool:
    """Return whether a convolution takes the way of `dcgan_lightning.kernels.patches`.

    Args:
        setting: False: never; True: where possible; "auto": where it wins.
        images: The convolution's input.
        outer_channels: Channels of the larger image, the one next to the pixels.
    """
    return outer_channels <= PATCHES_MAX_CHANNELS and _is_allowed(setting, images) and _is_plain(images)


def use_direct(setting: FastPaths, images: Tensor, outer_channels: int) -> bool:
    """Return whether a convolution takes the way of `dcgan_lightning.kernels.direct`, before that of patches.

    With even padding and a bias it is the way of `dcgan_lightning.kernels.folded`.

    Args:
        setting: False: never; True: where possible; "auto": where it wins.
        images: The convolution's input.
        outer_channels: Channels of the larger image, the one next to the pixels.
    """
    return use_patches(setting, images, outer_channels) and _is_wide(images)


def use_frequency(setting: FastPaths, images: Tensor, weight: Tensor, stride: int, side: int) -> bool:
    """Return whether a convolution takes the way of `dcgan_lightning.kernels.frequency`.

    Args:
        setting: False: never; True: where possible; "auto" and "bfloat16": where it wins.
        images: The convolution's input.
        weight: Its kernel.
        stride: Its stride.
        side: Pixels a side of the larger image.
    """
    # The number of images comes last: asking a traced network for it would fix it in the exported program.
    return (
        _is_allowed(setting, images)
        and _is_plain(images)
        and (setting is True or _is_suitable(images, weight, stride, side))
    )


def _is_suitable(images: Tensor, weight: Tensor, stride: int, side: int) -> bool:
    return (
        weight.shape[0] * weight.shape[1] >= FREQUENCY_MIN_CHANNELS
        and stride in FREQUENCY_MIN_COUNT
        and side <= FREQUENCY_MAX_SIDE[stride]
        and len(images) >= FREQUENCY_MIN_COUNT[stride]
    )


def use_products(setting: FastPaths, inputs: Tensor) -> bool:
    """Return whether a dense layer's products are those of `dcgan_lightning.kernels.products`."""
    return _is_allowed(setting, inputs) and _is_plain(inputs)


def use_onednn(values: Tensor) -> bool:
    """Return whether oneDNN computes matrix products of these values (`dcgan_lightning.kernels.products`)."""
    return values.dtype == torch.bfloat16 or _is_wide(values)


def use_dropout(setting: FastPaths, activations: Tensor) -> bool:
    """Return whether `dcgan_lightning.kernels.dropout` draws what is dropped."""
    return _is_allowed(setting, activations)


def _is_allowed(setting: FastPaths, images: Tensor) -> bool:
    """Return whether the setting has fast paths here; networks that are compiled or exported have none."""
    if torch.compiler.is_compiling() or torch.jit.is_tracing():  # type: ignore[attr-defined]
        return False  # first: the compiler would split a network where it asks for the rest
    if isinstance(setting, bool):
        return setting
    return images.device.type == "cpu" and torch.backends.mkl.is_available()  # where they were measured


def _is_wide(images: Tensor) -> bool:
    """Return whether oneDNN computes in float32 on a CPU with AVX-512."""
    return (
        images.device.type == "cpu"
        and images.dtype == torch.float32
        and torch.backends.mkldnn.is_available()
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
    )


def _is_plain(images: Tensor) -> bool:
    """Return whether a layer computes in its own precision."""
    return images.dtype in (torch.float32, torch.float64) and not torch.is_autocast_enabled(
        images.device.type
    )
