"""LightningModules: the base class of all systems, and one module per method."""

from dcgan_lightning.systems.classification import Classification
from dcgan_lightning.systems.cyclegan import CycleGAN
from dcgan_lightning.systems.dcgan import DCGAN
from dcgan_lightning.systems.gan import GAN, METRIC_NAMES
from dcgan_lightning.systems.pix2pix import Pix2Pix
from dcgan_lightning.systems.sngan import SNGAN
from dcgan_lightning.systems.style import Style
from dcgan_lightning.systems.system import Sampler, System, divergence
from dcgan_lightning.systems.translator import Translator

__all__ = [
    "DCGAN",
    "GAN",
    "METRIC_NAMES",
    "SNGAN",
    "Classification",
    "CycleGAN",
    "Pix2Pix",
    "Sampler",
    "Style",
    "System",
    "Translator",
    "divergence",
]
