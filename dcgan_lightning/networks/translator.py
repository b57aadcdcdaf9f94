"""Base class of networks that translate images, and translation in blocks."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from dcgan_lightning.core.pixels import normalize, to_uint8
from dcgan_lightning.core.randomness import (
    reseed_default_generators,
    stream_generator,
    stream_seed,
)
from dcgan_lightning.networks.modes import inference
from dcgan_lightning.networks.portable import PortableNetwork

BLOCK_SIZE = 64  # images translated together; another size changes the last bits


class Direction(NamedTuple):
    """A direction in which a system translates images.

    Attributes:
        network: The network's attribute name in the system.
        source: Label of the images that the network takes; None: all images.
    """

    network: str
    source: int | None = None


class ImageTranslator(PortableNetwork):
    """A network that translates images to images of the same shape.

    Args:
        image_channels: Channels of the images, 1 for grey.
        image_size: Pixels a side of the training images.
        **arguments: See `PortableNetwork`.

    Attributes:
        image_size: Pixels a side of the training images.
        input_size: Pixels a side of the network's inputs (see `inputs_of`).
    """

    input_names = ("images",)
    output_name = "translated"
    noisy = False  # keep dropout enabled outside of training

    def __init__(self, image_channels: int, image_size: int, **arguments: Any) -> None:
        super().__init__(image_channels, image_size=image_size, **arguments)
        self.image_size = image_size
        self.input_size = image_size

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Shape (C, H, W) of the training images."""
        return self.image_channels, self.image_size, self.image_size

    def forward(self, images: Tensor) -> Tensor:
        """Return one image for each input.

        Args:
            images: (N, image_channels, H, W) in [-1, 1], as returned by `inputs_of`.

        Returns:
            The same shape and range.
        """
        raise NotImplementedError

    def inputs_of(self, images: Tensor) -> Tensor:
        """Return the network's inputs for real images: here the images themselves.

        Args:
            images: (N, image_channels, H, W) in [-1, 1].

        Returns:
            The same shape and range.
        """
        return images

    def example_inputs(self, count: int) -> tuple[Tensor, ...]:
        """Return images of uniform noise in [-1, 1]: (count, image_channels, input_size, input_size)."""
        shape = (count, self.image_channels, self.input_size, self.input_size)
        return (2 * torch.rand(shape, generator=stream_generator(0, "generate")) - 1,)


def translate_images(network: ImageTranslator, inputs: Tensor, seed: int | None = None) -> Tensor:
    """Translate images in blocks of fixed size, so that no result depends on the number of images.

    Args:
        network: Used in inference mode; its own mode is restored.
        inputs: uint8 (N, C, H, W), as returned by `make_inputs`.
        seed: Keep dropout enabled, if the network has any, and draw its noise from this seed; None: no noise.

    Returns:
        uint8 (N, C, H, W), on the CPU.
    """
    device = next(network.parameters()).device
    made = []
    with inference(network), _noise(network, seed):
        for number, block in enumerate(inputs.split(BLOCK_SIZE)):
            if seed is not None:
                reseed_default_generators(stream_seed(seed, "generate", number), device)
            padding = block.new_zeros(BLOCK_SIZE - len(block), *block.shape[1:])
            images = network(normalize(torch.cat([block, padding]).to(device)))
            made.append(to_uint8(images[: len(block)]).cpu())
    return torch.cat(made)


@contextmanager
def _noise(network: ImageTranslator, seed: int | None) -> Iterator[None]:
    """Enable a network's noise in the block if there is a seed, and restore the default generators."""
    devices = [part.device for part in network.parameters() if part.device.type == "cuda"][:1]
    with torch.random.fork_rng(devices=devices, enabled=seed is not None):
        network.noisy = seed is not None
        try:
            yield
        finally:
            network.noisy = False


def make_inputs(network: ImageTranslator, images: Tensor) -> Tensor:
    """Return a network's inputs for real images (see `ImageTranslator.inputs_of`) as bytes.

    Args:
        network: The network that takes the inputs.
        images: uint8 (N, C, H, W).

    Returns:
        uint8 (N, C, H, W), on the CPU.
    """
    with torch.no_grad():
        parts = [network.inputs_of(normalize(block)) for block in images.cpu().split(BLOCK_SIZE)]
    return torch.cat([to_uint8(part) for part in parts])
