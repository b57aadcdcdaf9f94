"""Generators and discriminators: plain PyTorch."""

from dcgan_lightning.networks.build import build_networks, build_translators, directions_of
from dcgan_lightning.networks.cyclegan import CycleGANGenerator
from dcgan_lightning.networks.dcgan import Discriminator, Generator
from dcgan_lightning.networks.initialization import Initialization, initialize
from dcgan_lightning.networks.noise_generator import NoiseGenerator
from dcgan_lightning.networks.pix2pix import PairDiscriminator, UNet
from dcgan_lightning.networks.portable import PortableNetwork
from dcgan_lightning.networks.sngan import SNGANDiscriminator, SNGANGenerator
from dcgan_lightning.networks.style import StyleNetwork
from dcgan_lightning.networks.translator import ImageTranslator

__all__ = [
    "CycleGANGenerator",
    "Discriminator",
    "Generator",
    "ImageTranslator",
    "Initialization",
    "NoiseGenerator",
    "PairDiscriminator",
    "PortableNetwork",
    "SNGANDiscriminator",
    "SNGANGenerator",
    "StyleNetwork",
    "UNet",
    "build_networks",
    "build_translators",
    "directions_of",
    "initialize",
]
