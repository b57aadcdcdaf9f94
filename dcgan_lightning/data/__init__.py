"""Finding, verifying and serving the images.

Names are imported when they are first used: ``python -m dcgan_lightning.data --help`` needs no PyTorch.
"""

from typing import TYPE_CHECKING

from dcgan_lightning.core.lazy import importing

if TYPE_CHECKING:
    from dcgan_lightning.core.pixels import normalize as normalize
    from dcgan_lightning.data.batches import Batch as Batch
    from dcgan_lightning.data.batches import Position as Position
    from dcgan_lightning.data.batches import ShuffledBatches as ShuffledBatches
    from dcgan_lightning.data.datamodules import InMemoryDataModule as InMemoryDataModule
    from dcgan_lightning.data.domains import DomainsDataModule as DomainsDataModule
    from dcgan_lightning.data.domains import FashionMNISTDomains as FashionMNISTDomains
    from dcgan_lightning.data.domains import SyntheticDomains as SyntheticDomains
    from dcgan_lightning.data.fashion_mnist.datamodule import FashionMNISTDataModule as FashionMNISTDataModule
    from dcgan_lightning.data.image_folder.datamodule import ImageFolderDataModule as ImageFolderDataModule
    from dcgan_lightning.data.image_folder.domains import ImageFolderDomains as ImageFolderDomains
    from dcgan_lightning.data.images import check_images as check_images
    from dcgan_lightning.data.known import TorchvisionDataModule as TorchvisionDataModule
    from dcgan_lightning.data.labelled import LabelledBatches as LabelledBatches
    from dcgan_lightning.data.synthetic import SyntheticDataModule as SyntheticDataModule

_HOMES = {
    "normalize": "core.pixels",
    "Batch": "data.batches",
    "DomainsDataModule": "data.domains",
    "FashionMNISTDataModule": "data.fashion_mnist.datamodule",
    "FashionMNISTDomains": "data.domains",
    "ImageFolderDataModule": "data.image_folder.datamodule",
    "ImageFolderDomains": "data.image_folder.domains",
    "InMemoryDataModule": "data.datamodules",
    "LabelledBatches": "data.labelled",
    "Position": "data.batches",
    "ShuffledBatches": "data.batches",
    "SyntheticDataModule": "data.synthetic",
    "SyntheticDomains": "data.domains",
    "TorchvisionDataModule": "data.known",
    "check_images": "data.images",
}

__getattr__ = importing(__name__, _HOMES)
