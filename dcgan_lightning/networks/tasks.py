"""Tasks for paired translation: each derives an input from an image, so that no second data set is needed.

A task is a pure function of the image, so a pair is always the same. Images and inputs are (N, C, H, W) in
[-1, 1].
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

EDGE_THRESHOLD = 0.4  # smallest gradient of an edge, in brightness (range [-1, 1]) per pixel
REDUCTION = 4  # factor of super-resolution: sides of 28 pixels become 7
NOISE = 0.5  # standard deviation of the noise in denoising (range of the images: [-1, 1])
_SOBEL = ((-0.25, 0.0, 0.25), (-0.5, 0.0, 0.5), (-0.25, 0.0, 0.25))
_NEIGHBOURS = (
    (0, 1),
    (1, 1),
    (1, 0),
    (1, -1),
)  # offset (rows, columns) of the next pixel along the gradient, by its sector


def draw_edges(images: Tensor) -> Tensor:
    """Return edge drawings: lines of one pixel, 1 on a background of -1; all channels are equal.

    A pixel belongs to an edge if its gradient is at least `EDGE_THRESHOLD` and a maximum across the edge.

    Source:
        Canny 1986, https://doi.org/10.1109/TPAMI.1986.4767851, without smoothing and hysteresis.
    """
    grey = F.pad(images.mean(1, keepdim=True), (1, 1, 1, 1), mode="replicate")
    sobel = images.new_tensor(_SOBEL)
    kernels = torch.stack([sobel, sobel.T]).unsqueeze(1)
    across, down = F.conv2d(grey, kernels).unbind(1)
    strength = torch.hypot(across, down)
    sector = (torch.atan2(down, across) / (math.pi / 4)).round().long() % 4
    padded = F.pad(strength, (1, 1, 1, 1))
    height, width = strength.shape[1:]
    is_crest = torch.zeros_like(strength, dtype=torch.bool)
    for number, (rows, columns) in enumerate(_NEIGHBOURS):
        ahead = padded[:, 1 + rows :, 1 + columns :][:, :height, :width]
        behind = padded[:, 1 - rows :, 1 - columns :][:, :height, :width]
        is_crest |= (sector == number) & (strength > behind) & (strength >= ahead)
    drawn = is_crest & (strength >= EDGE_THRESHOLD)
    return (drawn.to(images) * 2 - 1).unsqueeze(1).expand_as(images).contiguous()


def cut_hole(images: Tensor) -> Tensor:
    """Return images with a grey square (0) of half their side in the centre."""
    height, width = images.shape[2:]
    holed = images.clone()
    holed[:, :, height // 4 : height - height // 4, width // 4 : width - width // 4] = 0
    return holed


def reduce_resolution(images: Tensor) -> Tensor:
    """Return images in which each square of `REDUCTION` x `REDUCTION` pixels is replaced by its mean."""
    return F.interpolate(F.avg_pool2d(images, REDUCTION), scale_factor=float(REDUCTION), mode="nearest")


def add_noise(images: Tensor) -> Tensor:
    """Return images with Gaussian noise of standard deviation `NOISE`, clipped to [-1, 1].

    The noise is a function of the image's bytes: the same for the same image, different for different ones.
    """
    count, size = len(images), images[0].numel()
    weights = torch.arange(1, size + 1, device=images.device) * 2_654_435_761 % 2**31
    levels = ((images.flatten(1) + 1) * 127.5).round().long()
    seeds = (levels * weights).sum(1, keepdim=True) % 2**31
    uniform = [_uniform(seeds + weights * (2 * part + 1)) for part in range(2)]
    noise = torch.sqrt(-2 * torch.log(uniform[0])) * torch.cos(2 * math.pi * uniform[1])  # Box and Muller
    return (images + NOISE * noise.view(count, *images.shape[1:]).to(images)).clamp(-1, 1)


def _uniform(numbers: Tensor) -> Tensor:
    """Hash integers to (0, 1) with the 32-bit finalizer of MurmurHash3."""
    mask = 2**32 - 1
    numbers = numbers & mask
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        numbers = numbers ^ (numbers >> shift)
        # In two halves: the product of two 32-bit numbers does not fit into a signed 64-bit integer.
        numbers = ((numbers * (factor >> 16) & 0xFFFF) * 2**16 + numbers * (factor & 0xFFFF)) & mask
    numbers = numbers ^ (numbers >> 16)
    return (numbers.float() + 0.5).clamp(max=2**32 - 256) / 2**32


TASKS: dict[str, Callable[[Tensor], Tensor]] = {
    "edges": draw_edges,
    "inpainting": cut_hole,
    "super_resolution": reduce_resolution,
    "denoising": add_noise,
}
