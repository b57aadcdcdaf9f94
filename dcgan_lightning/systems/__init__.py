"""LightningModules, one file each, and the strategy that runs them in several processes."""

from dcgan_lightning.systems.classification import Classification
from dcgan_lightning.systems.dcgan import DCGAN, METRIC_NAMES
from dcgan_lightning.systems.strategy import ManualDDPStrategy
from dcgan_lightning.systems.system import Sampler, System, divergence

__all__ = [
    "DCGAN",
    "METRIC_NAMES",
    "Classification",
    "ManualDDPStrategy",
    "Sampler",
    "System",
    "divergence",
]
