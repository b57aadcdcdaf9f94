"""Directions of the latent space in which images change most, named after what changes if that is clear."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from dcgan_lightning.networks import NoiseGenerator
from dcgan_lightning.networks.modes import inference
from dcgan_lightning.networks.sampling import sample_labels, sample_noise

TRIED = 100  # images for the test of a direction
STEP = 2.0  # step to both sides, in standard deviations of the noise
SURE = (
    0.85  # share of the images in which a property must change the same way, to give the direction its name
)
NOTABLE = 0.5  # and by how much on average, in standard deviations of the property
_ENDS = {
    "brightness": ("dark", "bright"),
    "size": ("small", "large"),
    "width": ("narrow", "wide"),
    "height": ("short", "tall"),
    "pattern": ("plain", "patterned"),
}
_VISIBLE = 0.15  # of white: pixels below it are background


@dataclass(frozen=True)
class Direction:
    """A direction of the latent space.

    Attributes:
        low: Name of the change against the direction; "" if no property changes clearly.
        high: Name of the change along the direction.
        vector: Unit vector, (latent_dim,).
    """

    low: str
    high: str
    vector: Tensor


def find_directions(generator: NoiseGenerator, count: int = 6) -> list[Direction]:
    """Return the principal directions of a generator's first layer, the most amplified first.

    Each property names at most one direction: the one that changes it most.

    Args:
        generator: A generator in inference mode whose first layer is linear in the noise.
        count: Largest number of directions.

    Source:
        Shen and Zhou 2021, https://arxiv.org/abs/2007.06600.
    """
    layers = [layer for layer in generator.modules() if isinstance(layer, nn.Linear)]
    if not layers or layers[0].in_features < generator.latent_dim:
        return []
    weight = layers[0].weight.detach()[:, : generator.latent_dim].double().cpu()
    _, vectors = torch.linalg.eigh(weight.T @ weight)  # in ascending order of the eigenvalues
    vectors = vectors.flip(1).T[:count].float()
    changes = _changes(generator, vectors)
    names = [("", "")] * len(vectors)
    left = changes.abs()
    while left.max() > 0:
        row, column = divmod(int(left.argmax()), len(_ENDS))
        names[row] = [*_ENDS.values()][column]
        vectors[row] *= changes[row, column].sign()
        left[row], left[:, column] = 0, 0
    return [Direction(low, high, vector) for (low, high), vector in zip(names, vectors, strict=True)]


def _changes(generator: NoiseGenerator, vectors: Tensor) -> Tensor:
    """Return the change of each property along each direction, (directions, properties).

    The change of a property is 0 if it is not clear.
    """
    noise = sample_noise(generator.latent_dim, TRIED)
    labels = sample_labels(generator.classes, TRIED)

    def properties(step: Tensor | float) -> Tensor:
        return _properties(generator(noise + step, labels))

    with inference(generator):
        spread = properties(0.0).std(1).clamp(min=1e-6)
        differences = torch.stack(
            [properties(STEP * vector) - properties(-STEP * vector) for vector in vectors]
        )
    mean = differences.mean(2)
    sure = (differences * mean.sign()[..., None] > 0).float().mean(2)
    changes = mean / spread
    return torch.where((sure >= SURE) & (changes.abs() >= NOTABLE), changes, 0.0)


def _properties(images: Tensor) -> Tensor:
    """Return brightness, size, width, height and pattern of the objects in images: (5, N)."""
    grey = (images.mean(1) + 1) / 2
    visible = (grey > _VISIBLE).float()
    area = visible.sum((1, 2)) + 1
    brightness = (grey * visible).sum((1, 2)) / area
    spreads = []
    for dimension in (2, 1):  # columns, then rows
        places = torch.arange(grey.shape[dimension]).float()
        shares = visible.sum(3 - dimension) / area[:, None]
        mean = (shares * places).sum(1, keepdim=True)
        spreads.append((shares * (places - mean) ** 2).sum(1).sqrt())
    steps = (grey[:, 1:] - grey[:, :-1]).abs() * visible[:, 1:] * visible[:, :-1]
    pattern = steps.sum((1, 2)) / area / (brightness + 0.01)
    return torch.stack([brightness, area, *spreads, pattern])
