"""The notebook's generator: noise to a 28 x 28 image."""

import hashlib
import json
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from dcgan_lightning.core.errors import CheckpointError, MissingExtraError, install
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.regular_files import read_file
from dcgan_lightning.kernels.choose import FastPaths
from dcgan_lightning.networks.initialization import Initialization, initialize
from dcgan_lightning.networks.layers import KerasBatchNorm1d, KerasBatchNorm2d, SameConvTranspose2d

START_SIZE = 7  # pixels a side after the dense layer; two layers of stride 2 make it 28
CONFIG_FILE = "config.json"  # of an exported generator: the arguments, and the checksum of the weights
WEIGHTS_FILE = "model.safetensors"


class Generator(nn.Module):
    """Turn noise vectors into images: 7 x 7 from a dense layer, then 14 x 14, then 28 x 28.

    Without arguments it is exactly the notebook's network with Keras' defaults: 2,305,472 trainable
    parameters and 25,472 BatchNorm statistics.

    Args:
        latent_dim: Length of a noise vector, >= 1.
        channels: Channels of the three inner layers, at 7 x 7, 7 x 7 and 14 x 14.
        image_channels: Channels of the image, 1 for grey.
        negative_slope: Slope of the leaky rectifiers for negative inputs, >= 0.
        initialization: How the weights start (see `initialize`).
        generator: Source of the random numbers for the weights; PyTorch's default one if not given.
        fast_paths: Whether the convolutions take the ways of `dcgan_lightning.kernels`; "auto": where they
            were measured to win.

    Shape:
        z (N, latent_dim), any scale, standard normal in training; images (N, image_channels, 28, 28) in
        [-1, 1]. In training mode N must be at least 2 (BatchNorm).

    Raises:
        ValueError: A size is below 1, or ``channels`` does not have three entries.

    Source:
        ``make_generator_model`` of the notebook; Radford et al. 2015, https://arxiv.org/abs/1511.06434.
    """

    def __init__(
        self,
        latent_dim: int = 100,
        channels: Sequence[int] = (256, 128, 64),
        image_channels: int = 1,
        negative_slope: float = 0.3,
        initialization: Initialization = "glorot_uniform",
        generator: torch.Generator | None = None,
        fast_paths: FastPaths = "auto",
    ) -> None:
        super().__init__()
        if len(channels) != 3:
            raise ValueError(f"channels must have 3 entries, got {list(channels)}")
        if min(latent_dim, image_channels, *channels) < 1:
            raise ValueError(
                f"sizes must be at least 1, got latent_dim={latent_dim}, channels={list(channels)}, "
                f"image_channels={image_channels}"
            )
        self.latent_dim = latent_dim
        self.arguments = {
            "latent_dim": latent_dim,
            "channels": list(channels),
            "image_channels": image_channels,
            "negative_slope": negative_slope,
        }
        first, second, third = channels

        def rectifier() -> nn.Module:
            return nn.LeakyReLU(negative_slope, inplace=True)  # nothing needs the layer's input again

        start = (first, START_SIZE, START_SIZE)
        features = first * START_SIZE**2
        self.layers = nn.Sequential(
            OrderedDict[str, nn.Module](
                dense=nn.Linear(latent_dim, features, bias=False),
                batch_normalization=KerasBatchNorm1d(features),
                leaky_re_lu=rectifier(),
                reshape=nn.Unflatten(1, start),  # (N, 256, 7, 7)
                conv2d_transpose=SameConvTranspose2d(
                    first, second, 5, stride=1, fast_paths=fast_paths
                ),  # (N, 128, 7, 7)
                batch_normalization_1=KerasBatchNorm2d(second),
                leaky_re_lu_1=rectifier(),
                conv2d_transpose_1=SameConvTranspose2d(
                    second, third, 5, stride=2, fast_paths=fast_paths
                ),  # (N, 64, 14, 14)
                batch_normalization_2=KerasBatchNorm2d(third),
                leaky_re_lu_2=rectifier(),
                conv2d_transpose_2=SameConvTranspose2d(
                    third, image_channels, 5, stride=2, fast_paths=fast_paths
                ),
                tanh=nn.Tanh(),  # (N, 1, 28, 28); part of the layer before it in Keras
            )
        )
        initialize(self, initialization, generator)

    def forward(self, z: Tensor) -> Tensor:
        """Return one image for each noise vector (shapes: see the class)."""
        images: Tensor = self.layers(z)
        return images

    def save_pretrained(self, folder: Path | str) -> None:
        """Write ``config.json`` and ``model.safetensors``, for `from_pretrained`.

        Args:
            folder: Made if missing.

        Raises:
            MissingExtraError: The package safetensors is not installed.
            RunFolderError: The folder cannot be written.
        """
        data: bytes = _safetensors().save(self.state_dict())
        config = {"generator": self.arguments, "sha256": hashlib.sha256(data).hexdigest()}
        write_atomic(Path(folder) / WEIGHTS_FILE, data)
        write_atomic(Path(folder) / CONFIG_FILE, f"{json.dumps(config, indent=2)}\n".encode())

    @classmethod
    def from_pretrained(cls, folder: Path | str, fast_paths: FastPaths = "auto") -> Self:
        """Return an exported generator in inference mode, on the CPU.

        Args:
            folder: Made by ``python -m dcgan_lightning.export`` or `save_pretrained`.
            fast_paths: See the class.

        Raises:
            CheckpointError: A file is missing, damaged, or not of such a generator.
            MissingExtraError: The package safetensors is not installed.
        """
        safetensors = _safetensors()
        try:
            config = json.loads(read_file(Path(folder) / CONFIG_FILE))
            data = read_file(Path(folder) / WEIGHTS_FILE)
            if hashlib.sha256(data).hexdigest() != config["sha256"]:
                raise ValueError(f"the checksum of {WEIGHTS_FILE} is another one")
            with torch.device("meta"):  # no weights yet: nothing is drawn, and no memory taken
                generator = cls(**config["generator"], fast_paths=fast_paths)
            generator.load_state_dict(safetensors.load(data), assign=True)
        except FileNotFoundError as error:
            raise CheckpointError(
                f"{folder} holds no exported generator, {Path(error.filename).name} is missing; "
                "make one with python -m dcgan_lightning.export format=safetensors"
            ) from error
        except Exception as error:  # what damaged files raise is not a closed list
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise CheckpointError(
                f"the generator in {folder} cannot be used ({reason}); export it again"
            ) from error
        return generator.eval()


def _safetensors() -> Any:
    try:
        import safetensors.torch
    except ImportError as error:
        raise MissingExtraError(f"the package safetensors is not installed; {install('export')}") from error
    return safetensors.torch
