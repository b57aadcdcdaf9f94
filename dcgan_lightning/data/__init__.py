"""Finding, verifying and serving the images."""

from dcgan_lightning.core.pixels import normalize
from dcgan_lightning.data.batches import Batch, Position, ShuffledBatches
from dcgan_lightning.data.datamodules import InMemoryDataModule
from dcgan_lightning.data.domains import DomainsDataModule, FashionMNISTDomains, SyntheticDomains
from dcgan_lightning.data.fashion_mnist.datamodule import FashionMNISTDataModule
from dcgan_lightning.data.image_folder.datamodule import ImageFolderDataModule
from dcgan_lightning.data.image_folder.domains import ImageFolderDomains
from dcgan_lightning.data.images import check_images
from dcgan_lightning.data.known import TorchvisionDataModule
from dcgan_lightning.data.labelled import LabelledBatches
from dcgan_lightning.data.synthetic import SyntheticDataModule

__all__ = [
    "Batch",
    "DomainsDataModule",
    "FashionMNISTDataModule",
    "FashionMNISTDomains",
    "ImageFolderDataModule",
    "ImageFolderDomains",
    "InMemoryDataModule",
    "LabelledBatches",
    "Position",
    "ShuffledBatches",
    "SyntheticDataModule",
    "SyntheticDomains",
    "TorchvisionDataModule",
    "check_images",
    "normalize",
]
