"""Real images for the tests of the scores, read once."""

import functools

from torch import Tensor

from dcgan_lightning.data import FashionMNISTDataModule
from dcgan_lightning.evaluation import FeatureNetwork, load_features


@functools.cache
def split(name: str) -> tuple[Tensor, Tensor]:
    """Return the images and labels of "train" or "test"."""
    datamodule = FashionMNISTDataModule()
    datamodule.prepare_data()
    return datamodule.load_split(name)


@functools.cache
def classifier_features() -> FeatureNetwork:
    return load_features("classifier")
