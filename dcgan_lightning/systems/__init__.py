"""LightningModules: what all systems share, and one file for each method."""

from dcgan_lightning.systems.classification import Classification
from dcgan_lightning.systems.dcgan import DCGAN, METRIC_NAMES
from dcgan_lightning.systems.system import Sampler, System, divergence

__all__ = [
    "DCGAN",
    "METRIC_NAMES",
    "Classification",
    "Sampler",
    "System",
    "divergence",
]
