"""Made-up colour images of 32 x 32 pixels."""

import torch
from torch import Tensor

from dcgan_lightning.core.randomness import stream_generator
from dcgan_lightning.data.datamodules import InMemoryDataModule

SIZE, CLASSES = 32, 3


class TilesDataModule(InMemoryDataModule):
    """Tiles of 4 x 4 squares in shades of red, green or blue: the class.

    Args:
        batch_size: Images an iteration, >= 2.
        seed: The run's seed; the images follow from it too.
        count: Number of images, >= 2.
    """

    source = "made-up tiles"
    short_name = "tiles"
    image_size = SIZE

    def __init__(self, batch_size: int = 8, seed: int = 0, count: int = 44) -> None:
        super().__init__(batch_size, seed)
        self.count = count

    def load_images(self, split: str = "train") -> Tensor:
        return self.load_split(split)[0]

    def load_split(self, split: str) -> tuple[Tensor, Tensor]:
        generator = stream_generator(self.seed, "synthetic_data", index=("train", "test").index(split))
        labels = torch.arange(self.count) % CLASSES
        images = torch.randint(0, 64, (self.count, 3, 4, 4), generator=generator)
        images[torch.arange(self.count), labels] += 192
        squares = images.repeat_interleave(SIZE // 4, 2).repeat_interleave(SIZE // 4, 3)
        return squares.to(torch.uint8), labels
