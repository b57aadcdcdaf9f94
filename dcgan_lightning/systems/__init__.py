"""LightningModules, one file each."""

from dcgan_lightning.systems.dcgan import DCGAN, METRIC_NAMES, divergence

__all__ = ["DCGAN", "METRIC_NAMES", "divergence"]
