"""Base class of networks that can be saved to self-contained files and loaded again."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from dcgan_lightning.core.errors import CheckpointError, MissingExtraError, install
from dcgan_lightning.core.files import write_atomic
from dcgan_lightning.core.regular_files import read_file

CONFIG_FILE = "config.json"  # an exported generator's arguments, and the checksum of its weights
WEIGHTS_FILE = "model.safetensors"
_FIRST_NETWORK = "Generator"  # class of older files without a class name


class PortableNetwork(nn.Module):
    """A network that makes images and can be written to files.

    Args:
        image_channels: Channels of the images, 1 for grey.
        **arguments: The subclass' other arguments that the shapes of its weights depend on; plain values.

    Attributes:
        arguments: All arguments, to rebuild the network.
        input_names: Names of the arguments of ``forward``, in order.
        output_name: Name of what it returns, another one than those.
    """

    input_names: tuple[str, ...]
    output_name = "images"

    def __init__(self, image_channels: int, **arguments: Any) -> None:
        super().__init__()
        self.image_channels = image_channels
        self.arguments: dict[str, Any] = {"image_channels": image_channels} | arguments

    def example_inputs(self, count: int) -> tuple[Tensor, ...]:
        """Return fixed arguments of ``forward`` for a number of images."""
        raise NotImplementedError

    def save_pretrained(
        self, folder: Path | str, half: bool = False, about: Mapping[str, Any] | None = None
    ) -> None:
        """Write ``config.json`` and ``model.safetensors``, for `from_pretrained`.

        Args:
            folder: Output folder, created if missing.
            half: Round the weights to 16 bits, which halves the file size.
            about: Plain values to store in ``config.json`` beside the arguments.

        Raises:
            MissingExtraError: The package safetensors is not installed.
            RunFolderError: The folder cannot be written.
        """
        state = self.state_dict()
        if half:
            state = {
                name: value.half() if value.is_floating_point() else value for name, value in state.items()
            }
        data: bytes = _safetensors().save(state)
        config = {
            "network": type(self).__name__,
            "generator": self.arguments,
            "sha256": hashlib.sha256(data).hexdigest(),
            **(about or {}),
        }
        write_atomic(Path(folder) / WEIGHTS_FILE, data)
        write_atomic(Path(folder) / CONFIG_FILE, f"{json.dumps(config, indent=2)}\n".encode())

    @classmethod
    def from_pretrained(cls, folder: Path | str, **options: Any) -> Self:
        """Return an exported generator in inference mode, on the CPU.

        Args:
            folder: Written by ``python -m dcgan_lightning.export`` or `save_pretrained` from a generator of
                this class or of a subclass.
            **options: Arguments of the class that are not stored in the files, such as ``fast_paths``.

        Raises:
            CheckpointError: A file is missing or damaged, or the generator is of another class.
            MissingExtraError: The package safetensors is not installed.
        """
        safetensors = _safetensors()
        try:
            config = read_config(folder)
            data = read_file(Path(folder) / WEIGHTS_FILE)
            if hashlib.sha256(data).hexdigest() != config["sha256"]:
                raise ValueError(f"the checksum of {WEIGHTS_FILE} does not match")
            kinds = {kind.__name__: kind for kind in _family(cls)}
            if (name := config.get("network", _FIRST_NETWORK)) not in kinds:
                raise TypeError(f"its class is {name}, not {cls.__name__}")
            with torch.device("meta"):  # no initialization and no memory for weights that are replaced
                generator = kinds[name](**config["generator"], **options)
            weights = {
                key: value.float() if value.dtype is torch.float16 else value
                for key, value in safetensors.load(data).items()
            }
            generator.load_state_dict(weights, assign=True)
        except FileNotFoundError as error:
            raise CheckpointError(
                f"{folder} holds no exported generator, {Path(error.filename).name} is missing; "
                "make one with python -m dcgan_lightning.export format=safetensors"
            ) from error
        except Exception as error:  # damaged files raise errors of many kinds
            reason = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            raise CheckpointError(
                f"the generator in {folder} cannot be used ({reason}); export it again"
            ) from error
        return cast(Self, generator.eval())


def read_config(folder: Path | str) -> dict[str, Any]:
    """Return the contents of an exported generator's ``config.json``.

    Args:
        folder: The exported generator's folder.

    Raises:
        OSError, ValueError, TypeError: The file is missing or damaged.
    """
    config = json.loads(read_file(Path(folder) / CONFIG_FILE))
    if not isinstance(config, dict):
        raise TypeError(f"{CONFIG_FILE} must hold a dictionary")
    return config


def _family(kind: type[PortableNetwork]) -> Iterator[type[PortableNetwork]]:
    """Yield a class and all of its subclasses, recursively."""
    yield kind
    for derived in kind.__subclasses__():
        yield from _family(derived)


def _safetensors() -> Any:
    try:
        import safetensors.torch
    except ImportError as error:
        raise MissingExtraError(f"the package safetensors is not installed; {install('export')}") from error
    return safetensors.torch
