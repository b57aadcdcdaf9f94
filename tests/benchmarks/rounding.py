"""What ``model.fast_paths=bfloat16`` changes in an iteration of the notebook's recipe.

    python tests/benchmarks/rounding.py outputs/RUN/checkpoints/last.ckpt

Takes the trained networks of a run of ``model=dcgan`` and one batch of noise and training images, without
dropout. Prints how far images, logits and gradients are from those of PyTorch's operations: the norm of the
difference, relative to the norm.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from bench_statistics import markdown_table
from torch import Tensor

from dcgan_lightning.data import FashionMNISTDataModule
from dcgan_lightning.kernels.choose import FastPaths
from dcgan_lightning.networks.dcgan import build
from dcgan_lightning.runs.checkpoints import read_checkpoint
from dcgan_lightning.systems.gradients import backpropagate

BATCH_SIZE = 256
ROWS = ("generated images", "logits", "generator's gradients", "discriminator's gradients")


def iterate(checkpoint: Mapping[str, Any], images: Tensor, fast_paths: FastPaths) -> list[Tensor]:
    """Return what an iteration computes, in the order of `ROWS`.

    Args:
        checkpoint: Of a run of ``model=dcgan``.
        images: Real ones, (N, 1, 28, 28) in [-1, 1].
        fast_paths: See `dcgan_lightning.systems.GAN`.
    """
    settings = {**checkpoint["hyper_parameters"], "dropout": 0.0, "fast_paths": fast_paths}
    generator, discriminator = build(settings)
    for name, network in (("generator", generator), ("discriminator", discriminator)):
        prefix = f"{name}."
        weights = checkpoint["state_dict"].items()
        network.load_state_dict(
            {key.removeprefix(prefix): value for key, value in weights if key.startswith(prefix)}
        )
    source = torch.Generator().manual_seed(0)
    generated = generator(torch.randn(len(images), settings["latent_dim"], generator=source))
    judgement = backpropagate(generator, discriminator, images, generated, single_pass=True)
    gradients = [
        torch.cat([parameter.grad.flatten() for parameter in network.parameters()])  # type: ignore[union-attr]
        for network in (generator, discriminator)
    ]
    return [generated.detach(), torch.cat([judgement.real_logits, judgement.fake_logits]), *gradients]


def differences(checkpoint: Mapping[str, Any], images: Tensor) -> str:
    """Return a table of how far each fast path is from PyTorch's operations."""
    plain = iterate(checkpoint, images, False)
    columns = [iterate(checkpoint, images, "auto"), iterate(checkpoint, images, "bfloat16")]
    rows = [
        [name, *(f"{float((found - exact).norm() / exact.norm()):.1g}" for found in ways)]
        for name, exact, *ways in zip(ROWS, plain, *columns, strict=True)
    ]
    return markdown_table(["relative difference", "auto", "bfloat16"], rows)


def main() -> None:
    """Print the table of the run on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("checkpoint", type=Path)
    checkpoint = parser.parse_args().checkpoint
    if not checkpoint.is_file():
        parser.error(f"{checkpoint} is not a file; give a checkpoint")
    datamodule = FashionMNISTDataModule()
    datamodule.prepare_data()
    images = datamodule.load_images("train")[:BATCH_SIZE].float() / 127.5 - 1
    print(differences(read_checkpoint(checkpoint), images))


if __name__ == "__main__":
    main()
