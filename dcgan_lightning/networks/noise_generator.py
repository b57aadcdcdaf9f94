"""What all networks share that make images from noise: their files."""

import hashlib
import json
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from dcgan_lightning.core.errors import CheckpointError, MissingExtraError, install
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.regular_files import read_file

CONFIG_FILE = "config.json"  # of an exported generator: the arguments, and the checksum of the weights
WEIGHTS_FILE = "model.safetensors"


class NoiseGenerator(nn.Module):
    """A network that makes an image of a noise vector, and of a class if it knows any.

    Args:
        latent_dim: Length of a noise vector.
        image_channels: Channels of the images, 1 for grey.
        classes: Number of classes; 0: none.
        **arguments: Further arguments of the subclass that its weights depend on; plain values.

    Attributes:
        arguments: All of them, to build such a network again.
    """

    def __init__(self, latent_dim: int, image_channels: int, classes: int, **arguments: Any) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.image_channels = image_channels
        self.classes = classes
        own = {"latent_dim": latent_dim, "image_channels": image_channels, "classes": classes}
        self.arguments = own | arguments

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return one image for each noise vector.

        Args:
            z: Noise vectors (N, latent_dim).
            labels: Their classes, int64 (N,), or mixtures of classes, float (N, classes); None for a network
                without classes.

        Returns:
            (N, image_channels, 28, 28) in [-1, 1].
        """
        raise NotImplementedError

    def save_pretrained(self, folder: Path | str) -> None:
        """Write ``config.json`` and ``model.safetensors``, for `from_pretrained`.

        Args:
            folder: Made if missing.

        Raises:
            MissingExtraError: The package safetensors is not installed.
            RunFolderError: The folder cannot be written.
        """
        data: bytes = _safetensors().save(self.state_dict())
        config = {
            "network": type(self).__name__,
            "generator": self.arguments,
            "sha256": hashlib.sha256(data).hexdigest(),
        }
        write_atomic(Path(folder) / WEIGHTS_FILE, data)
        write_atomic(Path(folder) / CONFIG_FILE, f"{json.dumps(config, indent=2)}\n".encode())

    @classmethod
    def from_pretrained(cls, folder: Path | str, **options: Any) -> Self:
        """Return an exported generator in inference mode, on the CPU.

        Args:
            folder: Made by ``python -m dcgan_lightning.export`` or `save_pretrained`.
            **options: Arguments of the class that change nothing in the files, as ``fast_paths``.

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
            if (name := config.get("network", cls.__name__)) != cls.__name__:
                raise TypeError(f"it is of the class {name}, not {cls.__name__}")
            with torch.device("meta"):  # no weights yet: nothing is drawn, and no memory taken
                generator = cls(**config["generator"], **options)
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
