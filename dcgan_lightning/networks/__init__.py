"""Generator, discriminator, their losses and accuracies: plain PyTorch."""

from dcgan_lightning.networks.discriminator import Discriminator
from dcgan_lightning.networks.generator import Generator
from dcgan_lightning.networks.initialization import Initialization, initialize
from dcgan_lightning.networks.losses import discriminator_accuracy, discriminator_loss, generator_loss

__all__ = [
    "Discriminator",
    "Generator",
    "Initialization",
    "discriminator_accuracy",
    "discriminator_loss",
    "generator_loss",
    "initialize",
]
