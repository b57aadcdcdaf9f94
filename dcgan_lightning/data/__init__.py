"""Finding, verifying and serving the images."""

from dcgan_lightning.data.batches import Position, ShuffledBatches
from dcgan_lightning.data.datamodules import FashionMNISTDataModule, InMemoryDataModule, SyntheticDataModule
from dcgan_lightning.data.images import check_images, normalize
from dcgan_lightning.data.labelled import LabelledBatches

__all__ = [
    "FashionMNISTDataModule",
    "InMemoryDataModule",
    "LabelledBatches",
    "Position",
    "ShuffledBatches",
    "SyntheticDataModule",
    "check_images",
    "normalize",
]
