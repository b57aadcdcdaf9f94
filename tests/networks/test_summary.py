import torch

from dcgan_lightning.networks import Discriminator, Generator
from dcgan_lightning.networks.summary import summarize


def test_generator_summary_is_the_notebooks() -> None:
    text = summarize("generator", Generator(), torch.zeros(1, 100))
    assert text.splitlines()[0] == "Network: generator (Generator)"
    rows = [line.split() for line in text.splitlines()]
    assert ["dense", "(Dense)", "(None,", "12544)", "1,254,400"] in rows
    assert ["batch_normalization", "(KerasBatchNorm1d)", "(None,", "12544)", "50,176"] in rows
    assert ["conv2d_transpose", "(SameConvTranspose2d)", "(None,", "128,", "7,", "7)", "819,200"] in rows
    assert ["conv2d_transpose_2", "(SameConvTranspose2d)", "(None,", "1,", "28,", "28)", "1,600"] in rows
    assert text.splitlines()[-4:-1] == [
        "Total parameters: 2,330,944",
        "Trainable parameters: 2,305,472",
        "Non-trainable parameters: 25,472",
    ]


def test_discriminator_summary_leaves_no_hooks() -> None:
    discriminator = Discriminator()
    text = summarize("discriminator", discriminator, torch.zeros(1, 1, 28, 28))
    assert "Total parameters: 212,865" in text
    assert all(not layer._forward_hooks for layer in discriminator.modules())
    assert discriminator.training
