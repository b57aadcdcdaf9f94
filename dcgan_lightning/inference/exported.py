"""The networks of an export, with the contents of their model cards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from dcgan_lightning.inference import translated
from dcgan_lightning.inference.classes import class_names
from dcgan_lightning.inference.pretrained import TrainedGenerator
from dcgan_lightning.inference.trained import Training
from dcgan_lightning.inference.translators import TrainedTranslators
from dcgan_lightning.networks import PortableNetwork
from dcgan_lightning.networks.sampling import sample_images
from dcgan_lightning.pictures import make_grid

if TYPE_CHECKING:
    from dcgan_lightning.data import InMemoryDataModule

SHOWN = 16  # images of a picture
PICTURE_SIZE = 112  # approximate side of an image in a picture, in pixels
_NAMES = {"Generator": "DCGAN", "SNGANGenerator": "SNGAN"}
_SYSTEMS = {"UNet": "Pix2Pix", "CycleGANGenerator": "CycleGAN", "StyleNetwork": "Style transfer"}


@dataclass(frozen=True, eq=False)
class Part:
    """A network of an export.

    Attributes:
        training: Where it comes from.
        network: In inference mode, without gradients, on the CPU.
        folder: Where its files are in the export's folder; "" where it is the only one.
        facts: What the model card says of it: "title", "subject" (what it makes), "caption" (of the
            picture), "inputs" (from names to what they are), "size" (pixels a side of what it makes),
            "limits" and "tags".
        picture: What it makes, uint8 (height, width) or (height, width, 3); None: there is nothing to show.
        about: Plain values that its files keep beside those of its training.
    """

    training: Training
    network: PortableNetwork
    folder: str
    facts: Mapping[str, Any]
    picture: NDArray[np.uint8] | None
    about: dict[str, Any] = field(default_factory=dict)


def generator_part(trained: TrainedGenerator) -> Part:
    """Return a generator of images from noise, with the contents of its card."""
    generator = trained.generator
    size = generator.image_size
    inputs = {"z": f"(N, {generator.latent_dim}) float32, N at least 1, standard normal"}
    if generator.classes:
        names = ", ".join(class_names(trained))
        inputs["labels"] = f"(N,) int64, 0 to {generator.classes - 1}: {names}"
    facts = {
        "title": f"{_NAMES.get(type(generator).__name__, 'GAN')} generator",
        "subject": f"makes {_garments(trained)}",
        "caption": f"The picture shows the images 0 to {SHOWN - 1} of seed 0.",
        "inputs": inputs,
        "size": size,
        "limits": f"It draws images of {size} x {size} pixels like those it was trained on, which it may "
        "repeat or blur.",
        "tags": ["gan", "dcgan"],
    }
    grid = make_grid(sample_images(generator, SHOWN), columns=4, scale=None)
    return Part(trained, generator, "", facts, grid)


def translator_parts(trained: TrainedTranslators, datamodule: "InMemoryDataModule | None") -> list[Part]:
    """Return the networks of all directions, with the contents of their cards.

    Args:
        trained: On the CPU.
        datamodule: The data module with images to show, after ``prepare_data``; None: no pictures.

    Raises:
        DataError: The data has no images for a direction.
    """
    parts = []
    for direction, network in trained.networks.items():
        size = network.input_size
        shape = f"(N, {network.image_channels}, {size}, {size})"
        facts = {
            "title": f"{_SYSTEMS.get(type(network).__name__, 'Image')} network, {direction}",
            "subject": _translation(trained, direction),
            "caption": "The picture shows test images: each input beside what becomes of it, and what else "
            "there is to compare.",
            "inputs": {
                "images": f"{shape} float32 in [-1, 1], N at least 1: made of images of "
                f"{network.image_size} x {network.image_size} pixels by `{type(network).__name__}.inputs_of`"
            },
            "size": size,
            "limits": "It was trained on images of one kind, and makes what looks like them of any others.",
            "tags": ["style-transfer" if "style" in trained.settings else "gan", "image-to-image"],
        }
        picture = None if datamodule is None else _pairs(trained, direction, datamodule)
        folder = direction if len(trained.networks) > 1 else ""
        parts.append(Part(trained, network, folder, facts, picture, {"direction": direction}))
    return parts


def is_of_fashion_mnist(training: Training) -> bool:
    """Return whether a training used only Fashion-MNIST."""
    return bool(training.fingerprint.get("data.verify"))


def is_of_made_up_data(training: Training) -> bool:
    """Return whether a training used synthetic images."""
    return training.fingerprint.get("data.count") is not None


def _garments(training: TrainedGenerator) -> str:
    if is_of_made_up_data(training):
        return "rectangles and ellipses, from made-up data"
    if is_of_fashion_mnist(training):
        return "garments that never existed, from Fashion-MNIST"
    channels, height, width = training.generator.image_shape
    return f"{'grey' if channels == 1 else 'colour'} images of {height} x {width} pixels"


def _translation(trained: TrainedTranslators, direction: str) -> str:
    """Return what a network does, as far as the training's settings say."""
    settings = trained.settings
    domains: Sequence[str] = trained.fingerprint.get("data.domains") or ()
    source = trained.sources[direction]
    if source is not None and len(domains) == 2:
        return f"makes `{domains[1 - source]}` of `{domains[source]}`"
    if "task" in settings:
        return f"makes images of what the task `{settings['task']}` makes of them"
    if "style" in settings:
        return f"gives enlarged images the style `{settings['style']}`"
    return f"translates images, `{direction}`"


def _pairs(
    trained: TrainedTranslators, direction: str, datamodule: "InMemoryDataModule"
) -> NDArray[np.uint8]:
    """Return the first test images of a direction, inputs and outputs side by side."""
    all_images = translated.of_data(
        datamodule, "test", trained.sources[direction], translated.Wanted(0, None)
    )
    source = translated.Source(all_images.images[:SHOWN], all_images.numbers[:SHOWN])
    made = translated.make(trained, direction, source, prepare=True, noise_seed=None)
    panels = len(made.panels)
    scale = max(1, PICTURE_SIZE // made.outputs.shape[3])
    return make_grid(made.groups(SHOWN), columns=4 * panels, scale=scale, group=panels)
