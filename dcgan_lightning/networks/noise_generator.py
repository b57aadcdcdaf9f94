"""Base class of networks that make images from noise."""

from typing import Any

from torch import Tensor

from dcgan_lightning.networks.portable import PortableNetwork
from dcgan_lightning.networks.sampling import sample_labels, sample_noise


class NoiseGenerator(PortableNetwork):
    """A network that makes an image from a noise vector and, if it is conditional, a class.

    Args:
        latent_dim: Length of a noise vector.
        image_channels: Channels of the images, 1 for grey.
        image_size: Pixels a side.
        classes: Number of classes; 0: unconditional.
        **arguments: See `PortableNetwork`.
    """

    def __init__(
        self, latent_dim: int, image_channels: int, image_size: int, classes: int, **arguments: Any
    ) -> None:
        super().__init__(
            image_channels, latent_dim=latent_dim, image_size=image_size, classes=classes, **arguments
        )
        self.image_size = image_size
        self.latent_dim = latent_dim
        self.classes = classes
        self.input_names = ("z", "labels") if classes else ("z",)

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """The shape (C, H, W) of its images."""
        return self.image_channels, self.image_size, self.image_size

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        """Return one image for each noise vector.

        Args:
            z: Noise vectors (N, latent_dim).
            labels: Their classes, int64 (N,), or mixtures of classes, float (N, classes); None for a network
                without classes.

        Returns:
            (N, image_channels, image_size, image_size) in [-1, 1].
        """
        raise NotImplementedError

    def example_inputs(self, count: int) -> tuple[Tensor, ...]:
        """Return noise, and labels if conditional, of the first images of seed 0 (see `sample_images`)."""
        noise, labels = sample_noise(self.latent_dim, count), sample_labels(self.classes, count)
        return (noise,) if labels is None else (noise, labels)
