"""LightningModules, one file each, and the strategy that runs them in several processes."""

from dcgan_lightning.systems.classification import Classification
from dcgan_lightning.systems.dcgan import DCGAN, METRIC_NAMES, divergence
from dcgan_lightning.systems.strategy import ManualDDPStrategy

__all__ = ["DCGAN", "METRIC_NAMES", "Classification", "ManualDDPStrategy", "divergence"]
