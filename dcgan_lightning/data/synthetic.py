"""Generated images for tests and smoke runs."""

import torch
from torch import Tensor

from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.data.datamodules import InMemoryDataModule
from dcgan_lightning.data.fashion_mnist.located import Split
from dcgan_lightning.data.images import IMAGE_SIZE


class SyntheticDataModule(InMemoryDataModule):
    """Synthetic images for tests and smoke runs: one bright rectangle or ellipse each, on black.

    Args:
        batch_size: Images per iteration, >= 2.
        seed: The run's seed, which also determines the images.
        count: Number of images, >= 2.
        size: Pixels a side.
        channels: 1 for grey, 3 for colour.
    """

    source = "synthetic data (made-up shapes)"
    short_name = "synthetic"

    def __init__(
        self,
        batch_size: int = 32,
        seed: int = 0,
        count: int = 512,
        size: int = IMAGE_SIZE,
        channels: int = 1,
    ) -> None:
        super().__init__(batch_size, seed)
        self.count = count
        self.image_size = size
        self.channels = channels

    def load_images(self, split: Split = "train") -> Tensor:
        """Return the images as uint8 (count, channels, size, size); the splits differ."""
        return self.load_split(split)[0]

    def load_split(self, split: Split) -> tuple[Tensor, Tensor]:
        """Return the images and their classes, 0 for ellipses and 1 for rectangles; the splits differ."""
        generator = stream_generator(self.seed, "synthetic_data", index=("train", "test").index(split))

        def uniform(low: float, high: float, channels: int = 1) -> Tensor:
            return low + (high - low) * torch.rand(self.count, channels, 1, 1, generator=generator)

        places = torch.arange(self.image_size) * (IMAGE_SIZE / self.image_size)
        vertical = places.view(1, 1, -1, 1) - uniform(10, 17)
        horizontal = places.view(1, 1, 1, -1) - uniform(10, 17)
        vertical, horizontal = (vertical / uniform(4, 10)).abs(), (horizontal / uniform(4, 10)).abs()
        rectangle = torch.maximum(vertical, horizontal) <= 1
        ellipse = vertical**2 + horizontal**2 <= 1
        is_rectangle = uniform(0, 1) < 0.5
        shape = torch.where(is_rectangle, rectangle, ellipse)
        images = (shape * uniform(120, 255, self.channels)).round().to(torch.uint8)
        return images, is_rectangle.flatten().long()
