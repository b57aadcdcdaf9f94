"""Generators and discriminators: plain PyTorch."""

from dcgan_lightning.networks.build import build_networks
from dcgan_lightning.networks.dcgan import Discriminator, Generator
from dcgan_lightning.networks.initialization import Initialization, initialize
from dcgan_lightning.networks.noise_generator import NoiseGenerator
from dcgan_lightning.networks.sngan import SNGANDiscriminator, SNGANGenerator

__all__ = [
    "Discriminator",
    "Generator",
    "Initialization",
    "NoiseGenerator",
    "SNGANDiscriminator",
    "SNGANGenerator",
    "build_networks",
    "initialize",
]
