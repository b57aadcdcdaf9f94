"""Losses and gradient penalties: pure functions of logits, images and activations."""

from dcgan_lightning.losses.accuracy import discriminator_accuracy
from dcgan_lightning.losses.adversarial import (
    LOSSES,
    AdversarialLoss,
    discriminator_loss,
    generator_loss,
)
from dcgan_lightning.losses.penalties import PENALTIES, Penalty

__all__ = [
    "LOSSES",
    "PENALTIES",
    "AdversarialLoss",
    "Penalty",
    "discriminator_accuracy",
    "discriminator_loss",
    "generator_loss",
]
