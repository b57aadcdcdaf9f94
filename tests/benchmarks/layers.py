"""Time the layers one by one: PyTorch's own operation against the way of ``dcgan_lightning.kernels``.

    python tests/benchmarks/layers.py [--only frequency,patches,dropout] [--repetitions 7] [--quick]

The bounds in ``dcgan_lightning/kernels/choose.py`` come from these figures: "auto" says what they choose.
PyTorch's convolutions run in both memory layouts, contiguous and channels last, and the faster one counts.
All ways of a layer run in turn; a figure is the median of its repetitions. Ratios above 1 mean that the
kernel is faster.
"""

import argparse
import functools
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from bench_statistics import markdown_table
from torch import Tensor, nn
from torch.nn import functional as F

from dcgan_lightning.core.memory import keep_freed_memory
from dcgan_lightning.kernels import choose
from dcgan_lightning.kernels.convolution import conv2d_same, conv_transpose2d_same
from dcgan_lightning.kernels.direct import Direct
from dcgan_lightning.kernels.dropout import dropout
from dcgan_lightning.kernels.frequency import Frequency
from dcgan_lightning.kernels.patches import Patches
from dcgan_lightning.networks.layers import SameConv2d, SameConvTranspose2d

BATCH_SIZES = (16, 32, 64, 256)
CHANNELS = ((16, 16), (16, 64), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128), (256, 128), (256, 256))
STRIDES = (1, 2)
SMALL_SIDE = 7  # pixels a side of a convolution's smaller image, between the networks' inner layers
PIXEL_CHANNELS = (1, 3, 4, 8)  # of the larger image, next to the pixels
PIXEL_SMALL_SIDE = 14
INNER_CHANNELS = 64
KERNEL = 5
SHARE = 0.3
LAYOUTS = (torch.contiguous_format, torch.channels_last)

Way = Callable[[Tensor], Tensor]
Case = tuple[Way, Tensor, Sequence[Tensor]]  # the operation, its input, its weights


@dataclass(frozen=True)
class Row:
    """A layer's seconds, (PyTorch's, the kernel's)."""

    name: str
    forward: tuple[float, float]
    both: tuple[float, float]
    auto: bool

    def cells(self) -> list[str]:
        """Return a row of the table."""
        cells = [self.name]
        for own, kernel in (self.forward, self.both):
            cells += [f"{1000 * own:.2f}", f"{1000 * kernel:.2f}", f"{own / kernel:.2f}"]
        return [*cells, "kernel" if self.auto else "PyTorch"]


def seconds_of(case: Case, backward: bool) -> float:
    """Run a layer once, forward or forward and backward."""
    way, images, weights = case
    started = time.perf_counter()
    if backward:
        output = way(images)
        torch.autograd.grad(output, [images, *weights], torch.ones_like(output))
    else:
        with torch.no_grad():
            way(images)
    return time.perf_counter() - started


def compare(name: str, own: Sequence[Case], kernel: Case, auto: bool, repetitions: int) -> Row:
    """Time PyTorch's ways and the kernel's in turn; of PyTorch's the one with the smallest median counts."""
    medians = []
    for backward in (False, True):
        cases = [*own, kernel]
        seconds: list[list[float]] = [[] for _ in cases]
        for number in range(repetitions + 1):
            for case, kept in zip(cases, seconds, strict=True):
                needed = seconds_of(case, backward)
                if number:  # the first one warms up
                    kept.append(needed)
        *of_own, of_kernel = map(statistics.median, seconds)
        medians.append((min(of_own), of_kernel))
    return Row(name, medians[0], medians[1], auto)


def convolutions(
    kind: str, count: int, channels: tuple[int, int], stride: int, small_side: int
) -> tuple[list[Case], Mapping[str, Case]]:
    """Return PyTorch's ways to convolve and those of the kernels.

    Args:
        kind: "conv", or "transposed".
        count: Images.
        channels: In and out.
        stride: The stride.
        small_side: Pixels a side of the smaller image.
    """
    transposed = kind == "transposed"
    side = small_side if transposed else small_side * stride
    images = torch.randn(count, channels[0], side, side)
    layer: nn.Conv2d | nn.ConvTranspose2d
    if transposed:
        layer = SameConvTranspose2d(*channels, KERNEL, stride, fast_paths=False)
    else:
        layer = SameConv2d(*channels, KERNEL, stride, bias=False, fast_paths=False)
    weight = layer.weight.detach()

    def case(way: Callable[[Tensor, Tensor], Tensor], layout: torch.memory_format) -> Case:
        own_weight = weight.clone(memory_format=layout).requires_grad_()
        own_images = images.clone(memory_format=layout).requires_grad_()
        return (lambda pixels: way(pixels, own_weight)), own_images, [own_weight]

    def plain(pixels: Tensor, kernel: Tensor) -> Tensor:
        output: Tensor = torch.func.functional_call(layer, {"weight": kernel}, (pixels,))
        return output

    own = [case(plain, layout) for layout in LAYOUTS]
    convolve = conv_transpose2d_same if transposed else conv2d_same
    kernels = {
        way.__name__.lower(): case(functools.partial(convolve, stride=stride, way=way), LAYOUTS[1])
        for way in (Frequency, Patches, Direct)
    }
    return own, kernels


def frequency_rows(batch_sizes: Sequence[int], repetitions: int) -> Iterator[Row]:
    """Compare the frequency domain, for all sizes."""
    for stride in STRIDES:
        for kind in ("conv", "transposed"):
            for channels in CHANNELS:
                # The channels of a transposed convolution go down where a convolution's go up.
                sizes = (max(channels), min(channels)) if kind == "transposed" else channels
                for count in batch_sizes:
                    own, kernels = convolutions(kind, count, sizes, stride, SMALL_SIDE)
                    images, weight = kernels["frequency"][1], kernels["frequency"][2][0]
                    auto = choose.use_frequency("auto", images, weight, stride, images.shape[-1])
                    name = f"{kind}, stride {stride}, {sizes[0]} to {sizes[1]} channels, {count} images"
                    yield compare(name, own, kernels["frequency"], auto, repetitions)


def patches_rows(batch_sizes: Sequence[int], repetitions: int) -> Iterator[Row]:
    """Compare the kernel next to the pixels that this CPU has, for some numbers of channels."""
    for stride in STRIDES:
        for kind in ("conv", "transposed"):
            for outer in PIXEL_CHANNELS:
                sizes = (INNER_CHANNELS, outer) if kind == "transposed" else (outer, INNER_CHANNELS)
                for count in batch_sizes:
                    own, kernels = convolutions(kind, count, sizes, stride, PIXEL_SMALL_SIDE)
                    auto = choose.use_patches("auto", kernels["patches"][1], outer)
                    is_wide = choose.use_direct("auto", kernels["direct"][1], outer)
                    name = f"{kind}, stride {stride}, {sizes[0]} to {sizes[1]} channels, {count} images"
                    yield compare(name, own, kernels["direct" if is_wide else "patches"], auto, repetitions)


def dropout_rows(batch_sizes: Sequence[int], repetitions: int) -> Iterator[Row]:
    """Compare dropout after both of the discriminator's convolutions."""
    for channels, side in ((64, 14), (128, 7)):
        for count in batch_sizes:
            plain = torch.randn(count, channels, side, side)
            inputs = [plain.clone(memory_format=layout).requires_grad_() for layout in LAYOUTS]
            own: list[Case] = [(lambda values: F.dropout(values, SHARE), values, []) for values in inputs]
            kernel: Case = (lambda values: dropout(values, SHARE), inputs[1], [])
            auto = choose.use_dropout("auto", plain)
            name = f"dropout, {channels} channels, {side} x {side} pixels, {count} images"
            yield compare(name, own, kernel, auto, repetitions)


PARTS = {"frequency": frequency_rows, "patches": patches_rows, "dropout": dropout_rows}


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--only", default=",".join(PARTS), help="some of these")
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="one repetition with 16 images: it works")
    arguments = parser.parse_args()
    names = arguments.only.split(",")
    if unknown := [name for name in names if name not in PARTS]:
        parser.error(f"unknown part {unknown[0]}; there are {', '.join(PARTS)}")
    batch_sizes, repetitions = ((16,), 1) if arguments.quick else (BATCH_SIZES, arguments.repetitions)
    keep_freed_memory()  # as a training does
    header = ["layer", "PyTorch, ms", "kernel, ms", "ratio", "PyTorch, ms", "kernel, ms", "ratio", "auto"]
    for name in names:
        print(f"\n{name}: forward, then forward and backward ({torch.get_num_threads()} threads)\n")
        rows = [row.cells() for row in PARTS[name](batch_sizes, repetitions)]
        print(markdown_table(header, rows), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
