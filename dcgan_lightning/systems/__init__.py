"""LightningModules, one file each, and the strategy that runs them in several processes."""

from dcgan_lightning.systems.dcgan import DCGAN, METRIC_NAMES, divergence
from dcgan_lightning.systems.strategy import ManualDDPStrategy

__all__ = ["DCGAN", "METRIC_NAMES", "ManualDDPStrategy", "divergence"]
